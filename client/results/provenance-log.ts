/**
 * Where this user's objects came from: what keepers signed of them, and which were compiled here. Two files of JSON lines in the cache
 * directory, the older one given up when the newer one is full: enough for some twenty thousand objects, found by digest or path.
 *
 * Nobody waits for a record, and what cannot be written is only missing. Several agents of a user may write at the same time.
 *
 * @module
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, renameSync, statSync, write } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Envelope } from '../../protocol/statement.ts';

/** A file that has as many bytes becomes the older one. */
const fileBytes = 16 * 2 ** 20;
/** Results whose record this process knows to be there: who builds the same over and over need not fill the files. */
const mostKnown = 2_000;

export interface FarmRecord {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** SHA-256 in hex by path. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly envelope: Envelope;
}

export interface LocalRecord {
  readonly at: number;
  readonly paths: readonly string[];
  /** Why it was compiled here. */
  readonly local: string;
}

export type ProvenanceRecord = FarmRecord | LocalRecord;

/** Where the records lie in a cache directory. */
export const provenanceDirectory = (cache: string): string => join(cache, 'provenance');

const names = ['current.jsonl', 'previous.jsonl'] as const;

/** Digests by the paths at which the outputs lie here, in the order of the statement. */
const placed = ({ payload }: Envelope, paths: readonly (string | undefined)[]): Record<string, string> => {
  const { subject } = JSON.parse(Buffer.from(payload, 'base64').toString('utf8')) as { subject: { digest: { sha256: string } }[] };
  return Object.fromEntries(subject.flatMap(({ digest }, at) => (paths[at] === undefined ? [] : [[paths[at], digest.sha256]])));
};

/** Resolves when it is written, or could not be: then a record is only missing. */
const written = (descriptor: number, bytes: Buffer): Promise<void> => new Promise((resolve) => write(descriptor, bytes, () => resolve()));

export class ProvenanceLog {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #known = new Set<string>();
  #pending: string[] = [];
  #file: { readonly descriptor: number; size: number } | undefined;
  #writing: Promise<void> | undefined;

  constructor(directory: string, maxBytes = fileBytes) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
  }

  /** What a keeper signed of a result that was given out, and where its outputs lie, in the statement's order; undefined: not as it was signed. */
  signed(envelope: Envelope, paths: readonly (string | undefined)[]): void {
    const name = `${envelope.signatures[0].sig} ${paths[0]}`;
    if (this.#known.has(name)) return;
    this.#known.add(name);
    if (this.#known.size > mostKnown) this.#known.delete(this.#known.keys().next().value!);
    this.#append({ at: Date.now(), outputs: placed(envelope, paths), envelope });
  }

  /** These files are about to be written by a compiler of this machine. */
  local(paths: readonly string[], reason: string): void {
    if (paths.length > 0) this.#append({ at: Date.now(), paths, local: reason });
  }

  /** Waits until what was recorded is written. Never rejects. */
  async close(): Promise<void> {
    await this.#writing;
    try {
      if (this.#file !== undefined) closeSync(this.#file.descriptor);
    } catch {
      // A full disk: the records are only missing.
    }
    this.#file = undefined;
  }

  #append(record: ProvenanceRecord): void {
    this.#pending.push(`${JSON.stringify(record)}\n`);
    this.#writing ??= this.#flush();
  }

  /** Writes until nothing is pending. Never rejects. */
  async #flush(): Promise<void> {
    await turn();
    while (this.#pending.length > 0) {
      try {
        const { descriptor, size } = this.#open();
        await written(descriptor, this.#take(this.#maxBytes - size));
      } catch {
        this.#pending = [];
      }
    }
    this.#writing = undefined;
  }

  /** As many pending records as there is room for, and the one that fills it: a record is far smaller than a file. */
  #take(room: number): Buffer {
    let bytes = 0;
    const fits = this.#pending.findIndex((line) => (bytes += Buffer.byteLength(line)) >= room);
    return Buffer.from(this.#pending.splice(0, fits === -1 ? this.#pending.length : fits + 1).join(''));
  }

  /** The file that is written now, and its size, to which other agents may have added. It has room. */
  #open(): { readonly descriptor: number; size: number } {
    const [current, previous] = names.map((name) => join(this.#directory, name)) as [string, string];
    if (this.#file !== undefined) {
      this.#file.size = fstatSync(this.#file.descriptor).size;
      if (this.#file.size < this.#maxBytes) return this.#file;
      // Another agent may have done that already: then its new file is ours, too.
      if (statSync(current, { throwIfNoEntry: false })?.ino === fstatSync(this.#file.descriptor).ino) renameSync(current, previous);
      closeSync(this.#file.descriptor);
      this.#file = undefined;
    }
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
    const descriptor = openSync(current, flags, 0o600);
    const { size } = fstatSync(descriptor);
    this.#file = { descriptor, size };
    return size < this.#maxBytes ? this.#file : this.#open();
  }
}

/** The newest record that has this text, in quotes. */
const findLine = (text: string, quoted: string): ProvenanceRecord | undefined => {
  for (let at = text.lastIndexOf(quoted); at !== -1; at = at === 0 ? -1 : text.lastIndexOf(quoted, at - 1)) {
    const line = text.slice(text.lastIndexOf('\n', at) + 1, text.indexOf('\n', at) === -1 ? undefined : text.indexOf('\n', at));
    try {
      return JSON.parse(line) as ProvenanceRecord;
    } catch {
      // A line that a full disk cut off.
    }
  }
  return undefined;
};

/** Looks through the records in a directory. Missing files have none. */
export const searchProvenance = (directory: string): { byDigest(sha256: string): FarmRecord | undefined; byPath(path: string): ProvenanceRecord | undefined } => {
  const texts = names.map((name) => {
    try {
      return readFileSync(join(directory, name), 'utf8');
    } catch {
      return '';
    }
  });
  const find = (quoted: string): ProvenanceRecord | undefined => {
    for (const text of texts) {
      const record = findLine(text, quoted);
      if (record !== undefined) return record;
    }
    return undefined;
  };
  return {
    byDigest: (sha256) => {
      const record = find(JSON.stringify(sha256));
      return record !== undefined && 'envelope' in record ? record : undefined;
    },
    byPath: (path) => find(JSON.stringify(path)),
  };
};
