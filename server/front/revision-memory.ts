/**
 * What this server has seen of policies and committer sources, kept in its state directory: the highest serial, and the newest
 * revision of each source whose revisions are ordered. An older one is taken only with an administrator's word, given by
 * `wardccd accept-revision`.
 *
 * What always holds: a memory that cannot be read admits nothing. One that cannot be written is said, and stops no change: the change may
 * be what takes somebody's right away.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isOlder, printOrder } from '../../policy/committers/order.ts';
import type { Membership, Order, RevisionMemory } from '../../policy/committers/source.ts';
import { compileSchema, parseJsonc } from '../../policy/jsonc.ts';
import { WardError } from '../../protocol/errors.ts';

interface Seen {
  readonly policy?: { readonly serial: number; readonly digest: string };
  /** By id. */
  readonly sources: Readonly<Record<string, { readonly subject: string; readonly revision: string; readonly order: Order }>>;
}

const natural = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const text = { type: 'string', maxLength: 65_536 } as const;
const schema = compileSchema<Seen>({
  type: 'object',
  additionalProperties: false,
  required: ['sources'],
  properties: {
    policy: { type: 'object', additionalProperties: false, required: ['serial', 'digest'], properties: { serial: natural, digest: text } },
    sources: {
      type: 'object',
      required: [],
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['subject', 'revision', 'order'],
        properties: { subject: text, revision: text, order: { type: 'object', required: [], additionalProperties: { type: 'array', items: natural } } },
      },
    },
  },
});

const memoryFile = (state: string): string => join(state, 'front', 'revisions.json');
/** Holds the revision that an administrator accepts for the source `id`. */
export const acceptanceFile = (state: string, id: string): string => join(state, 'front', `accept-revision-${id}`);

const readIfThere = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new WardError('policy-unavailable', `The server's memory of revisions, ${file}, cannot be read.`, { at: file, cause });
  }
};

export class Revisions implements RevisionMemory {
  readonly #state: string;
  #seen: Seen;
  readonly #trouble: (error: WardError) => void;
  #writing: Promise<void> = Promise.resolve();

  /** @throws WardError `policy-unavailable`, `config-invalid` when the memory is there and cannot be read. */
  constructor(state: string, trouble: (error: WardError) => void) {
    this.#state = state;
    this.#trouble = trouble;
    const file = memoryFile(state);
    const written = readIfThere(file);
    this.#seen = written === undefined ? { sources: {} } : parseJsonc<Seen>(written, file, schema);
  }

  /** May this policy come into force? @throws WardError `policy-unavailable` */
  async admitPolicy({ serial, digest, file }: { readonly serial: number; readonly digest: string; readonly file: string }): Promise<void> {
    const known = this.#seen.policy;
    if (known !== undefined && serial < known.serial) {
      throw new WardError('policy-unavailable', `The policy on disk has serial ${serial}, older than ${known.serial} which was in force.`, { at: file });
    }
    if (known !== undefined && serial === known.serial && digest !== known.digest) {
      throw new WardError('policy-unavailable', `The policy on disk changed but kept serial ${serial}: raise it.`, { at: file });
    }
    if (known?.serial !== serial) await this.#remember({ ...this.#seen, policy: { serial, digest } });
  }

  async admit({ id, subject }: { readonly id: string; readonly subject: string }, { revision, order }: Membership): Promise<void> {
    const found = this.#seen.sources[id];
    const known = found?.subject === subject ? found : undefined;
    if (order === undefined || known?.revision === revision) return;
    const accepted = acceptanceFile(this.#state, id);
    if (known !== undefined && isOlder(order, known.order)) {
      if (readIfThere(accepted)?.trim() !== revision) {
        const sentence = `The committer source "${id}" went back from revision ${printOrder(known.order)} to ${printOrder(order)}. ` +
          `Is that intended? Then: wardccd accept-revision --config FILE ${id} ${revision}`;
        throw new WardError('policy-unavailable', sentence);
      }
    }
    await this.#remember({ ...this.#seen, sources: { ...this.#seen.sources, [id]: { subject, revision, order } } });
    await rm(accepted, { force: true });
  }

  #remember(seen: Seen): Promise<void> {
    this.#seen = seen;
    this.#writing = this.#writing.then(async () => {
      const file = memoryFile(this.#state);
      try {
        await writeFile(`${file}.new`, JSON.stringify(this.#seen), { mode: 0o600, flush: true });
        await rename(`${file}.new`, file);
      } catch (cause) {
        this.#trouble(new WardError('internal', `${file} cannot be written (${(cause as NodeJS.ErrnoException).code}).`, { at: file, cause }));
      }
    });
    return this.#writing;
  }
}
