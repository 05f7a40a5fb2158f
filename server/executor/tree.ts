/**
 * The slot's input tree: exactly the files of one job, changed into those of the next by the difference.
 *
 * What always holds after `lay`: the tree has the entries that were given and nothing else; each file is a copy with an inode of its own;
 * files of equal content have equal times exactly where the client's had; links are made last, when nothing is written below them any
 * more. After `restore`: whatever a job did in the directories it could write in is undone or forgotten, so nothing of one job is seen by
 * the next. When that cannot be done, `restore` throws and the executor ends itself, which makes the file system vanish.
 *
 * Why times tell: a job cannot set times (seccomp), so whatever it writes carries the time of the writing, and never `baseSeconds`.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, copyFileSync, mkdirSync, openSync, readSync, rmdirSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import type { TreeEntry } from '../../protocol/tree.ts';
import { native, statFields } from '../native/load.ts';
import { beginsAsCompiled, isCompiledName } from './compiled-header.ts';
import { removeAllIn } from './remove-all.ts';

/** Every laid file was last changed at this second plus its group: long ago, so that no job's own write looks the same. */
const baseSeconds = 1_000_000_000;
const baseNanoseconds = BigInt(baseSeconds) * 1_000_000_000n;
/** Groups are 16 bits wide. */
const mostGroups = 2 ** 16;
const recordBytes = statFields.count * 8;
const typeMask = 0o170000n;
const directoryType = 0o040000n;

const isSame = (a: TreeEntry, b: TreeEntry): boolean => {
  if (a.kind === 'file') return b.kind === 'file' && a.group === b.group && a.size === b.size && a.digest.equals(b.digest);
  return a.kind === 'link' ? b.kind === 'link' && a.target === b.target : b.kind === 'directory';
};

type File = Extract<TreeEntry, { kind: 'file' }>;

/** Whether a file in the slot was laid there, wherever it is now, and has not been written since. */
export const isAsLaid = ({ mtimeMs }: Pick<Stats, 'mtimeMs'>): boolean => mtimeMs >= baseSeconds * 1000 && mtimeMs < (baseSeconds + mostGroups) * 1000;

/** Digests of contents that were hashed here are remembered up to this number. */
const mostHashed = 100_000;
const chunk = Buffer.allocUnsafe(256 * 1024);

const contentOf = (path: string): { readonly digest: string; readonly isCompiled: boolean } => {
  const hash = createHash('sha256');
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    let isCompiled: boolean | undefined;
    for (let length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) {
      const bytes = chunk.subarray(0, length);
      isCompiled ??= beginsAsCompiled(bytes);
      hash.update(bytes);
    }
    return { digest: hash.digest('hex'), isCompiled: isCompiled ?? false };
  } finally {
    closeSync(fd);
  }
};

const blobPath = (store: string, digest: Buffer): string => {
  const name = digest.toString('hex');
  return `${store}/${name.slice(0, 2)}/${name}`;
};

export class InputTree {
  readonly #root: string;
  #entries = new Map<string, TreeEntry>();
  /** Directories whose time is `baseSeconds` and whose content has not been touched since. */
  readonly #pinned = new Set<string>();
  /**
   * Contents that this executor has seen to be what they are named: those that it lays again need not be hashed again. True: one is an
   * image that a compiler believes.
   */
  readonly #hashed = new Map<string, boolean>();
  #watched: { readonly paths: readonly string[]; readonly state: Buffer } | undefined;

  /** `root` is an empty directory of the slot, without links in its path. */
  constructor(root: string) {
    this.#root = root;
    this.#empty();
  }

  get root(): string {
    return this.#root;
  }

  get entries(): ReadonlyMap<string, TreeEntry> {
    return this.#entries;
  }

  /**
   * Makes the tree consist of these entries: checked ones, sorted by path.
   *
   * @throws WardError `disk-full`, `blob-corrupt` when the store lacks a file or has another content for it (`at` is its digest),
   *   `input-unsigned` for a compiled header under a name by which the front does not know it for one,
   *   `tree-invalid` when a size is not that of its content: the job's limit of memory is reckoned with the sizes
   */
  lay(entries: readonly TreeEntry[], store: string): void {
    const next = new Map(entries.map((entry) => [entry.path, entry]));
    try {
      this.#remove(next);
      this.#add(next, store);
    } catch (cause) {
      this.#empty();
      if (cause instanceof WardError) throw cause;
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'ENOSPC') throw new WardError('disk-full', 'The inputs do not fit into the slot of the job.', { cause });
      throw new WardError(code === 'ENOENT' ? 'blob-corrupt' : 'sandbox-failed', `The inputs could not be laid out (${message}).`, {
        cause,
      });
    }
  }

  /** Remembers the state of all that lies in these directories, where a job is going to write. */
  watch(directories: readonly string[]): void {
    const below = directories.map((directory) => `${directory}/`);
    const paths = [...this.#entries.keys()].filter((path) => directories.includes(path) || below.some((prefix) => path.startsWith(prefix)));
    for (const path of paths) {
      if (this.#entries.get(path)!.kind !== 'directory' || this.#pinned.has(path)) continue;
      utimesSync(this.#root + path, baseSeconds, baseSeconds);
      this.#pinned.add(path);
    }
    this.#watched = { paths, state: this.#stateOf(paths) };
  }

  /** Undoes what a job did in the directories that were watched. @throws WardError `sandbox-failed` when it cannot */
  restore(): void {
    const watched = this.#watched;
    if (watched === undefined) return;
    this.#watched = undefined;
    const now = this.#stateOf(watched.paths);
    if (now.equals(watched.state)) return;
    try {
      for (const [index, path] of watched.paths.entries()) {
        const at = index * recordBytes;
        if (now.compare(watched.state, at, at + recordBytes, at, at + recordBytes) !== 0) this.#mend(path, watched.state, now, at);
      }
    } catch (cause) {
      throw new WardError('sandbox-failed', 'A job left something that cannot be removed.', { cause });
    }
  }

  /** Parents come before what is in them, so nothing is ever touched through a directory that a job replaced. */
  #mend(path: string, before: Buffer, after: Buffer, at: number): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    const field = (state: Buffer, name: keyof typeof statFields): bigint => state.readBigInt64LE(at + statFields[name] * 8);
    const isKept =
      entry.kind === 'directory' &&
      (field(after, 'mode') & typeMask) === directoryType &&
      (['device', 'inode', 'mode'] as const).every((name) => field(before, name) === field(after, name));
    if (!isKept) {
      this.#forget(path);
      rmSync(this.#root + path, { recursive: true, force: true });
      this.#pinned.delete(dirname(path));
    } else if (field(after, 'mtime') !== baseNanoseconds || field(after, 'ctime') !== field(before, 'ctime')) {
      this.#pinned.delete(path);
      removeAllIn(this.#root + path, (name) => this.#entries.has(`${path}/${name}`));
    }
  }

  #forget(path: string): void {
    const below = `${path}/`;
    for (const known of this.#entries.keys()) {
      if (known !== path && !known.startsWith(below)) continue;
      this.#entries.delete(known);
      this.#pinned.delete(known);
    }
  }

  #remove(next: ReadonlyMap<string, TreeEntry>): void {
    const gone = [...this.#entries.values()].filter((entry) => {
      const wanted = next.get(entry.path);
      return wanted === undefined || !isSame(entry, wanted);
    });
    // What is in a directory comes after it, so backwards it is empty when its turn comes.
    for (const entry of gone.reverse()) {
      if (entry.kind === 'directory') rmdirSync(this.#root + entry.path);
      else unlinkSync(this.#root + entry.path);
      this.#entries.delete(entry.path);
      this.#pinned.delete(entry.path);
      this.#pinned.delete(dirname(entry.path));
    }
  }

  #add(next: ReadonlyMap<string, TreeEntry>, store: string): void {
    const links: TreeEntry[] = [];
    for (const entry of next.values()) {
      if (this.#entries.has(entry.path)) continue;
      const place = this.#root + entry.path;
      if (entry.kind === 'link') {
        links.push(entry);
        continue;
      }
      if (entry.kind === 'directory') {
        mkdirSync(place, 0o755);
      } else {
        this.#copy(entry, place, store);
        const { size } = statSync(place);
        if (size !== entry.size) throw new WardError('tree-invalid', `A tree says ${entry.size} bytes of a file that has ${size}.`);
        const seconds = baseSeconds + entry.group;
        utimesSync(place, seconds, seconds);
      }
      this.#entries.set(entry.path, entry);
      this.#pinned.delete(dirname(entry.path));
    }
    for (const link of links as Extract<TreeEntry, { kind: 'link' }>[]) {
      symlinkSync(link.target, this.#root + link.path);
      this.#entries.set(link.path, link);
      this.#pinned.delete(dirname(link.path));
    }
    // Later differences rely on the order of the paths.
    this.#entries = new Map(next);
  }

  /** A disk does not always give back what it was given, and after a power failure it has names without contents. */
  #copy({ path, digest }: File, place: string, store: string): void {
    const name = digest.toString('hex');
    try {
      copyFileSync(blobPath(store, digest), place, constants.COPYFILE_EXCL);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      throw new WardError('blob-corrupt', `The store has lost the content ${name}.`, { at: name, cause });
    }
    let isCompiled = this.#hashed.get(name);
    if (isCompiled === undefined) {
      const content = contentOf(place);
      if (content.digest !== name) throw new WardError('blob-corrupt', `What the store has for ${name} has another digest.`, { at: name });
      if (this.#hashed.size >= mostHashed) this.#hashed.clear();
      this.#hashed.set(name, (isCompiled = content.isCompiled));
    }
    // Of those whose names say what they are the front has seen the proof.
    if (isCompiled && !isCompiledName(path)) throw new WardError('input-unsigned', `The input ${JSON.stringify(path)} is a precompiled header under another name.`);
  }

  #stateOf(paths: readonly string[]): Buffer {
    const state = native().statList(
      paths.map((path) => this.#root + path),
      false,
    );
    return Buffer.from(state.buffer, state.byteOffset, state.byteLength);
  }

  /** Removes everything, known or not. */
  #empty(): void {
    this.#entries = new Map();
    this.#pinned.clear();
    this.#watched = undefined;
    removeAllIn(this.#root);
  }
}
