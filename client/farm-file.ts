/**
 * The farm file as a client trusts it: signed by a key that the client's own configuration names, and never older than what this user has
 * seen. A file that is broken for a moment (new, and its signature not there yet) leaves the last good one in force for a while.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSignedFarm, signatureFile, type FarmTrust, type SignedFarm } from '../policy/farm.ts';
import { parsePublicKey } from '../policy/signature/format.ts';
import { toWardError, WardError } from '../protocol/errors.ts';

/** `trust.farm` in client.jsonc; the file's path is absolute. */
export interface WrittenFarmTrust {
  readonly file: string;
  /** Line of base64 of a minisign public key; several while one replaces the other. */
  readonly publicKey: string | readonly string[];
}

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
  #good: { readonly trust: string; readonly farm: TrustedFarm } | undefined;
  #failingSince: number | undefined;
  readonly #seen = new Map<string, Seen>();

  /**
   * @param memory directory in which the highest serial is remembered
   * @throws WardError `config-invalid`
   */
  async load(written: WrittenFarmTrust, memory: string, now: number = Date.now()): Promise<TrustedFarm> {
    const trust = JSON.stringify(written);
    try {
      const farm = { ...await loadSignedFarm(trustOf(written)), file: written.file };
      await this.#admit(farm, memory);
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

  /** Files whose change means that it should be loaded again. */
  static files({ file }: WrittenFarmTrust): readonly string[] {
    return [file, signatureFile(file)];
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

const trustOf = ({ file, publicKey }: WrittenFarmTrust): FarmTrust => ({
  file,
  keys: (typeof publicKey === 'string' ? [publicKey] : publicKey).map((key) => parsePublicKey(key, 'trust.farm.publicKey in client.jsonc')),
});

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
