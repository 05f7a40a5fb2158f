/**
 * The content store: input files by the SHA-256 of their content, one directory a cache domain, so that one domain's
 * folder never answers for another. Written by the front alone; executors read it. A file appears under its name only
 * after its content was hashed and agreed, and is never changed afterwards (mode 0444).
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { close, mkdir, mkdirSync, open, readdirSync, rename, rmSync, statSync, unlink, write } from 'node:fs';
import { dirname, join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { Shares, type Users } from './shares.ts';

interface Entry {
  readonly size: number;
  usedAt: number;
  users: Users;
}

export interface StoreOptions {
  readonly directory: string;
  /** Bytes kept at most; the least recently used go first, and of what is in use that of people beyond their share. */
  readonly maxBytes: number;
  /** Milliseconds for which a used entry is safe from eviction: longer than any job may live. */
  readonly pinMs?: number;
  readonly now?: () => number;
}

/** A blob on its way in: bytes are written and hashed as they come. */
export interface Receiver {
  /** Resolves when the bytes are with the kernel, so that the sender's credit may be given back. */
  write(chunk: Buffer): Promise<void>;
  /** Checks length and digest and puts the file in place. Throws `blob-corrupt` when they disagree. */
  finish(): Promise<void>;
  abort(): void;
}

/** For whom the server itself keeps something. */
const nobody = '';
/** What is looked for room in vain is not looked through again so soon. */
const fruitlessMs = 1_000;
/** A search frees this part of the store, so that the next one is not due at once. */
const searchPart = 64;

const domainFolder = (domain: string): string => createHash('sha256').update(domain).digest('hex').slice(0, 32);

const toWardError = (error: NodeJS.ErrnoException): WardError =>
  error.code === 'ENOSPC' || error.code === 'EDQUOT'
    ? new WardError('disk-full', 'The content store of this server is full.', { cause: error })
    : new WardError('internal', `The content store failed: ${error.code ?? error.message}.`, { cause: error });

export class Store {
  /** `folder/digest` → entry, in order of last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #folders = new Map<string, string>();
  readonly #directories = new Map<string, Promise<void>>();
  readonly #options: Required<StoreOptions>;
  /** What each person may have in use. */
  readonly shares: Shares;
  #bytes = 0;
  /** Bytes that have come of blobs on their way in: they take space too. */
  #arriving = 0;
  #serial = 0;
  /** People for whom no room was found, and when. */
  readonly #fruitless = new Map<string, number>();

  constructor(options: StoreOptions) {
    this.#options = { pinMs: 30 * 60_000, now: Date.now, ...options };
    this.shares = new Shares(options.maxBytes);
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o750 });
    // What was on its way in when the last front died is worth nothing.
    rmSync(this.#incoming, { recursive: true, force: true });
    mkdirSync(this.#incoming, { mode: 0o700 });
    this.#load();
  }

  get bytes(): number {
    return this.#bytes;
  }

  get #incoming(): string {
    return join(this.#options.directory, 'incoming');
  }

  /** The directory in which a domain's files lie, as executors are told it. */
  directoryOf(domain: string): string {
    return join(this.#options.directory, this.#folder(domain));
  }

  /** Where a digest lies below `directoryOf(domain)`. */
  static fileName(digest: string): string {
    return `${digest.slice(0, 2)}/${digest}`;
  }

  /** Is the content here, for this domain? Marks it as used by somebody. */
  has(domain: string, digest: string, user = nobody): boolean {
    const key = `${this.#folder(domain)}/${digest}`;
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    const now = this.#options.now();
    if (entry.users !== user) {
      if (entry.usedAt <= now - this.#options.pinMs) this.#release(entry);
      entry.users = this.shares.join(entry.users, user, entry.size);
    }
    entry.usedAt = now;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return true;
  }

  /** The content turned out to be lost or damaged: who needs it is asked for it again. */
  forget(domain: string, digest: string): void {
    const key = `${this.#folder(domain)}/${digest}`;
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#remove(key, entry);
  }

  /**
   * Begins to receive a blob of a stated size from somebody.
   *
   * @throws WardError `disk-full`, as `write` does when everything kept is still in use by people who need not yield to this one.
   */
  receive(domain: string, digest: string, size: number, user = nobody): Receiver {
    // Only what has come pushes anything out: sizes are easily said.
    if (size > this.#options.maxBytes) throw new WardError('disk-full', `A content of ${size} bytes is larger than this server's store.`);
    this.#makeRoom(user);
    const temporary = join(this.#incoming, String(++this.#serial));
    const folder = this.#folder(domain);
    const hash = createHash('sha256');
    let received = 0;
    let file: Promise<number> | undefined;
    const arrived = (bytes: number): boolean => {
      this.#arriving += bytes;
      counted += bytes;
      return this.shares.arrive(user, bytes);
    };
    let counted = 0;
    /** The last write: a descriptor is closed once, and never while something is still to be written to it. */
    let writing: Promise<void> = Promise.resolve();
    let over = false;
    const opened = (): Promise<number> =>
      (file ??= new Promise((resolve, reject) => open(temporary, 'wx', 0o444, (error, fd) => (error ? reject(toWardError(error)) : resolve(fd)))));
    const closed = async (): Promise<void> => {
      await writing.catch(() => {});
      const fd = await opened();
      await new Promise<void>((resolve, reject) => close(fd, (error) => (error ? reject(toWardError(error)) : resolve())));
    };
    const wanted = (): void => {
      if (over) throw new WardError('cancelled', `The blob ${digest} is not wanted any more.`);
    };
    const append = async (before: Promise<void>, chunk: Buffer): Promise<void> => {
      await before;
      const fd = await opened();
      wanted();
      await writeFully(fd, chunk);
    };
    return {
      write: async (chunk) => {
        wanted();
        received += chunk.length;
        if (received > size) throw new WardError('blob-corrupt', `The blob ${digest} is longer than announced.`);
        if (!arrived(chunk.length) && user !== nobody)
          throw new WardError('disk-full', `${user} has more on its way than the share of ${this.shares.of(user)} bytes of this server's store.`);
        this.#makeRoom(user);
        hash.update(chunk);
        await (writing = append(writing, chunk));
      },
      finish: async () => {
        await writing;
        wanted();
        over = true;
        await closed();
        arrived(-counted);
        if (received !== size || hash.digest('hex') !== digest) {
          unlink(temporary, () => {});
          throw new WardError('blob-corrupt', `The content that came for ${digest} has another digest.`);
        }
        const path = join(this.#options.directory, folder, Store.fileName(digest));
        await this.#ready(dirname(path));
        await new Promise<void>((resolve, reject) => rename(temporary, path, (error) => (error ? reject(toWardError(error)) : resolve())));
        this.#add(`${folder}/${digest}`, size, user);
      },
      abort: () => {
        arrived(-counted);
        if (over) return;
        over = true;
        if (file !== undefined) void closed().catch(() => {}).then(() => unlink(temporary, () => {}));
      },
    };
  }

  #folder(domain: string): string {
    let folder = this.#folders.get(domain);
    if (folder === undefined) {
      folder = domainFolder(domain);
      this.#folders.set(domain, folder);
    }
    return folder;
  }

  /** Directories are made when their first blob arrives, once each: 256 at once would hold up everybody. */
  #ready(directory: string): Promise<void> {
    let made = this.#directories.get(directory);
    if (made === undefined) {
      made = new Promise((resolve, reject) => mkdir(directory, { recursive: true, mode: 0o750 }, (error) => (error ? reject(toWardError(error)) : resolve())));
      this.#directories.set(directory, made);
      // A disk that is full now may have room for the next content.
      made.catch(() => this.#directories.delete(directory));
    }
    return made;
  }

  #add(key: string, size: number, user: string): void {
    if (this.#entries.has(key)) return;
    this.#entries.set(key, { size, usedAt: this.#options.now(), users: this.shares.join(undefined, user, size) });
    this.#bytes += size;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.size;
    this.#release(entry);
    unlink(this.#pathOfKey(key), () => {});
  }

  #release(entry: Entry): void {
    this.shares.leave(entry.users, entry.size);
    entry.users = undefined;
  }

  #fits(spare = 0): boolean {
    return this.#bytes + this.#arriving + spare <= this.#options.maxBytes;
  }

  /** What is out of use goes first, then what people have in use who must yield to this one. */
  #makeRoom(user: string): void {
    const safeSince = this.#options.now() - this.#options.pinMs;
    for (const [key, entry] of this.#entries) {
      if (this.#fits()) return;
      if (entry.usedAt > safeSince) break;
      this.#remove(key, entry);
    }
    if (this.#fits()) return;
    if (user !== nobody && (this.#fruitless.get(user) ?? -Infinity) <= this.#options.now() - fruitlessMs) this.#pushOut(user);
    if (!this.#fits()) throw new WardError('disk-full', 'The content store of this server is full, and everything in it is in use.');
  }

  #pushOut(user: string): void {
    const spare = this.#options.maxBytes / searchPart;
    for (const [key, entry] of this.#entries) {
      if (this.#fits(spare)) break;
      if (this.shares.yields(entry.users, user)) this.#remove(key, entry);
    }
    if (this.#fits()) this.#fruitless.delete(user);
    else this.#fruitless.set(user, this.#options.now());
  }

  #pathOfKey(key: string): string {
    const [folder = '', digest = ''] = key.split('/');
    return join(this.#options.directory, folder, Store.fileName(digest));
  }

  /** At start: what earlier runs kept. Contents are checked again when an executor lays them out. */
  #load(): void {
    const found: { key: string; size: number; usedAt: number }[] = [];
    for (const folder of readdirSync(this.#options.directory).filter((name) => /^[0-9a-f]{32}$/.test(name))) {
      for (const part of readdirSync(join(this.#options.directory, folder))) {
        for (const digest of readdirSync(join(this.#options.directory, folder, part))) {
          if (!/^[0-9a-f]{64}$/.test(digest)) continue;
          const { size, atimeMs } = statSync(join(this.#options.directory, folder, part, digest));
          found.push({ key: `${folder}/${digest}`, size, usedAt: atimeMs });
        }
      }
    }
    for (const { key, size, usedAt } of found.sort((a, b) => a.usedAt - b.usedAt)) {
      this.#entries.set(key, { size, usedAt, users: undefined });
      this.#bytes += size;
    }
  }
}

function writeFully(fd: number, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (offset: number): void =>
      write(fd, chunk, offset, chunk.length - offset, null, (error, written) => {
        if (error) reject(toWardError(error));
        else if (offset + written < chunk.length) next(offset + written);
        else resolve();
      });
    next(0);
  });
}
