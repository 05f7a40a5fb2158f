/**
 * The farm file as clients and servers trust it: signed by a key that their own configuration names, and never older than what they have
 * seen. For a client, a file that is broken for a moment (new, and its signature not there yet) leaves the last good one in force a while.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSignedFarm, signatureFile, type FarmTrust, type SignedFarm } from './farm.ts';
import { parsePublicKey } from './signature/format.ts';
import { toWardError, WardError } from '../protocol/errors.ts';

/** `trust.farm` in client.jsonc, `farm` in server.jsonc; the file's path is absolute. */
export interface WrittenFarmTrust {
  readonly file: string;
  /** Line of base64 of a minisign public key; several while one replaces the other. */
  readonly publicKey: string | readonly string[];
}

export const farmTrustSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['file', 'publicKey'],
  properties: {
    file: { type: 'string', minLength: 1, maxLength: 4096 },
    publicKey: { type: ['string', 'array'], maxLength: 64, items: { type: 'string', maxLength: 64 }, minItems: 1, maxItems: 8 },
  },
} as const;

export interface TrustedFarm extends SignedFarm {
  readonly file: string;
  /** Why the file on disk is not the one in force. */
  readonly problem?: string;
}

interface Seen {
  readonly serial: number;
  readonly digest: string;
}

/** How long the last good file counts while the one on disk is broken. */
const graceMs = 5 * 60_000;

export class FarmFile {
  /** Where public keys are written, for errors. */
  readonly #where: string;
  #good: { readonly trust: string; readonly farm: TrustedFarm } | undefined;
  #failingSince: number | undefined;
  readonly #seen = new Map<string, Seen>();

  constructor(where = 'trust.farm.publicKey in client.jsonc') {
    this.#where = where;
  }

  /**
   * Reads the file, or gives the last good one for some minutes while the one on disk is broken.
   *
   * @param memory directory in which the highest serial is remembered
   * @throws WardError `config-invalid`
   */
  async load(written: WrittenFarmTrust, memory: string, now: number = Date.now()): Promise<TrustedFarm> {
    const trust = JSON.stringify(written);
    try {
      const farm = await this.read(written, memory);
      this.#good = { trust, farm };
      this.#failingSince = undefined;
      return farm;
    } catch (thrown) {
      const error = toWardError(thrown);
      this.#failingSince ??= now;
      if (this.#good?.trust !== trust || now - this.#failingSince > graceMs) throw error;
      return { ...this.#good.farm, problem: error.message };
    }
  }

  /** Reads the file as it is. @throws WardError `config-invalid`: not signed by one of the keys, broken, or older than one before */
  async read(written: WrittenFarmTrust, memory: string): Promise<TrustedFarm> {
    const farm = { ...await loadSignedFarm(this.#trustOf(written)), file: written.file };
    await this.#admit(farm, memory);
    return farm;
  }

  /** Files whose change means that it should be loaded again. */
  static files({ file }: WrittenFarmTrust): readonly string[] {
    return [file, signatureFile(file)];
  }

  #trustOf({ file, publicKey }: WrittenFarmTrust): FarmTrust {
    return { file, keys: (typeof publicKey === 'string' ? [publicKey] : publicKey).map((key) => parsePublicKey(key, this.#where)) };
  }

  async #admit({ serial, digest, file }: TrustedFarm, memory: string): Promise<void> {
    const place = join(memory, `farm-${createHash('sha256').update(file).digest('hex').slice(0, 16)}.json`);
    const known = latest(this.#seen.get(file), await readSeen(place));
    const refuse = (sentence: string): WardError => new WardError('config-invalid', `${file}: ${sentence}`, { at: file });
    if (known !== undefined && serial < known.serial) {
      throw refuse(`the farm file has serial ${serial}, older than ${known.serial} which was in force here (${place} remembers it)`);
    }
    if (known !== undefined && serial === known.serial && digest !== known.digest) {
      throw refuse(`the farm file changed but kept serial ${serial}`);
    }
    this.#seen.set(file, { serial, digest });
    if (known?.serial !== serial) await writeSeen(place, { serial, digest });
  }
}

const latest = (one: Seen | undefined, other: Seen | undefined): Seen | undefined =>
  (other === undefined || (one !== undefined && one.serial >= other.serial) ? one : other);

const readSeen = async (place: string): Promise<Seen | undefined> => {
  try {
    const { serial, digest } = JSON.parse(await readFile(place, 'utf8')) as Partial<Seen>;
    if (Number.isSafeInteger(serial) && typeof digest === 'string') return { serial: serial!, digest };
    throw new Error('damaged');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new WardError('config-invalid', `${place}, which remembers the serial of the farm file, cannot be read.`, { at: place, cause });
  }
};

/** What cannot be written is remembered by this process at least. */
const writeSeen = async (place: string, seen: Seen): Promise<void> => {
  const temporary = `${place}.${process.pid}.new`;
  try {
    await mkdir(join(place, '..'), { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify(seen), { mode: 0o600 });
    await rename(temporary, place);
  } catch {
    return;
  }
};
