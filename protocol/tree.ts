/**
 * The canonical encoding of an input tree, whose SHA-256 is the tree digest. One tree has exactly one encoding: entries are
 * sorted by the bytes of their paths, every directory on the way is written out, shared prefixes are as long as possible, mtime
 * groups are numbered by first appearance. The decoder refuses everything else, so a server can work on the list alone.
 *
 *   'WTR1' ‖ u32 count ‖ entries:  u16 shared ‖ u16 length ‖ path bytes after the shared ones ‖ u8 kind ‖
 *     1 file: digest (32) ‖ u64 size ‖ u16 group     2 link: u16 length ‖ target     3 directory: nothing
 *
 * @module
 */
import { isUtf8 } from 'node:buffer';
import { WardError } from './errors.ts';
import { limits } from './limits.ts';

export type TreeEntry =
  | {
    readonly path: string;
    readonly kind: 'file';
    /** SHA-256 of the content (32 bytes). */
    readonly digest: Buffer;
    readonly size: number;
    /** Equality class of the modification time among files of equal content: 0, 1, … (`#pragma once` looks at both). */
    readonly group: number;
  }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | { readonly path: string; readonly kind: 'directory' };

const MAGIC = Buffer.from('WTR1', 'latin1');
const KIND = Object.freeze({ file: 1, link: 2, directory: 3 });
const surrogate = /[\ud800-\udfff]/;

const invalid = (sentence: string): never => {
  throw new WardError('tree-invalid', sentence);
};

/** An empty component, `.`, `..`, or a NUL. */
const odd = /\/(?:\.{0,2})(?:\/|$)|\0/;

/** Absolute, normalised, short enough, and not deeper than allowed. */
const checkPath = (path: string): void => {
  if (path.charCodeAt(0) !== 0x2f || odd.test(path)) invalid('A tree has a path that is not absolute and normalised.');
  let depth = 0;
  for (let at = 0; at !== -1; at = path.indexOf('/', at + 1)) depth += 1;
  if (depth > limits.treeDepth) invalid(`A tree is deeper than ${limits.treeDepth} directories.`);
};

const checkTarget = (target: string): void => {
  if (target.length === 0 || target.includes('\0')) invalid('A tree has a link without a valid target.');
};

const compareUnits = (a: TreeEntry, b: TreeEntry): number => (a.path < b.path ? -1 : a.path === b.path ? 0 : 1);
const compareBytes = (a: TreeEntry, b: TreeEntry): number => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));

/** In the order of the UTF-8 bytes; JavaScript's own order differs only where surrogates meet the characters above them. */
const sortByPath = (entries: TreeEntry[]): TreeEntry[] => entries.sort(entries.some(({ path }) => surrogate.test(path)) ? compareBytes : compareUnits);

/** Sees that the parent of each entry is a directory, entry by entry; neighbours mostly have the same. */
class Parents {
  readonly #kinds: Map<string, TreeEntry['kind']>;
  readonly #missing: (parent: string) => void;
  #last = '';

  /** @param missing is told of a parent that is not there */
  constructor(kinds: Map<string, TreeEntry['kind']>, missing: (parent: string) => void) {
    this.#kinds = kinds;
    this.#missing = missing;
  }

  check(path: string): void {
    const slash = path.lastIndexOf('/');
    if (slash === 0 || (slash === this.#last.length && path.startsWith(this.#last))) return;
    const parent = path.slice(0, slash);
    const kind = this.#kinds.get(parent);
    if (kind === undefined) this.#missing(parent);
    else if (kind !== 'directory') invalid(`A tree has an entry below ${kind === 'link' ? 'a link' : 'a file'}.`);
    this.#last = parent;
  }
}

/** Entries sorted, with every directory on the way. */
const complete = (entries: readonly TreeEntry[]): TreeEntry[] => {
  const kinds = new Map<string, TreeEntry['kind']>();
  const all = [...entries];
  for (const entry of entries) {
    checkPath(entry.path);
    if (kinds.has(entry.path)) invalid('A tree has the same path twice.');
    kinds.set(entry.path, entry.kind);
  }
  // The list grows while it is read: an added directory needs its own parent.
  const parents = new Parents(kinds, (parent) => {
    kinds.set(parent, 'directory');
    all.push({ path: parent, kind: 'directory' });
  });
  for (let index = 0; index < all.length; index++) parents.check(all[index]!.path);
  return sortByPath(all);
};

type File = Extract<TreeEntry, { kind: 'file' }>;

/**
 * Calls `visit` with the canonical group of each file, in order: numbered by first appearance among files of equal content.
 * Nothing is computed in the common case that all groups are 0.
 */
const canonicalGroups = (entries: readonly TreeEntry[], visit: (file: File, canonical: number) => void): void => {
  if (!entries.some((entry) => entry.kind === 'file' && entry.group !== 0)) return;
  const seen = new Map<string, Map<number, number>>();
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const key = entry.digest.toString('latin1');
    let groups = seen.get(key);
    if (groups === undefined) seen.set(key, groups = new Map());
    let canonical = groups.get(entry.group);
    if (canonical === undefined) groups.set(entry.group, canonical = groups.size);
    visit(entry, canonical);
  }
};

/**
 * Encodes a tree. Order does not matter, directories on the way may be left out, groups may be any numbers. Throws
 * `tree-invalid` for what no tree can be.
 */
export const encodeTree = (entries: readonly TreeEntry[]): Buffer => {
  const sorted = complete(entries);
  if (sorted.length > limits.treeEntries) invalid(`A tree has more than ${limits.treeEntries} entries.`);
  const groups = new Map<TreeEntry, number>();
  canonicalGroups(sorted, (file, canonical) => groups.set(file, canonical));
  let capacity = 8;
  // A UTF-16 unit has at most three UTF-8 bytes.
  for (const entry of sorted) {
    capacity += 5 + entry.path.length * 3;
    capacity += entry.kind === 'file' ? 42 : entry.kind === 'link' ? 2 + entry.target.length * 3 : 0;
  }
  const out = Buffer.allocUnsafe(capacity);
  let path = Buffer.allocUnsafe(limits.pathBytes);
  let previous = Buffer.allocUnsafe(limits.pathBytes);
  let previousLength = 0;
  MAGIC.copy(out);
  out.writeUInt32BE(sorted.length, 4);
  let at = 8;
  for (const entry of sorted) {
    if (Buffer.byteLength(entry.path) > limits.pathBytes) invalid(`A tree has a path of more than ${limits.pathBytes} bytes.`);
    if (!entry.path.isWellFormed()) invalid('A tree has a path that is not valid Unicode.');
    const length = path.write(entry.path);
    const shared = sharedLength(previous, path, Math.min(previousLength, length));
    at = out.writeUInt16BE(shared, at);
    at = out.writeUInt16BE(length - shared, at);
    at += path.copy(out, at, shared, length);
    [path, previous, previousLength] = [previous, path, length];
    at = out.writeUInt8(KIND[entry.kind], at);
    if (entry.kind === 'file') {
      if (entry.digest.length !== 32) invalid('A tree has a digest that is not SHA-256.');
      at += entry.digest.copy(out, at);
      out.writeUInt32BE(Math.floor(entry.size / 0x1_0000_0000), at);
      out.writeUInt32BE(entry.size % 0x1_0000_0000, at + 4);
      at = out.writeUInt16BE(groups.get(entry) ?? 0, at + 8);
    } else if (entry.kind === 'link') {
      checkTarget(entry.target);
      if (!entry.target.isWellFormed()) invalid('A tree has a link target that is not valid Unicode.');
      const length = out.write(entry.target, at + 2, 'utf8');
      if (length > limits.pathBytes) invalid(`A tree has a link target of more than ${limits.pathBytes} bytes.`);
      out.writeUInt16BE(length, at);
      at += 2 + length;
    }
  }
  if (at > limits.treeBytes) invalid(`A tree has more than ${limits.treeBytes} bytes.`);
  return out.subarray(0, at);
};

const sharedLength = (a: Buffer, b: Buffer, end: number): number => {
  let length = 0;
  while (length < end && a[length] === b[length]) length += 1;
  return length;
};

/** Reads numbers and bytes and never past the end. */
class Reader {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  take(count: number): Buffer {
    if (this.at + count > this.bytes.length) invalid('A tree ends too early.');
    return this.bytes.subarray(this.at, this.at += count);
  }

  u16(): number {
    return this.take(2).readUInt16BE(0);
  }

  u32(): number {
    return this.take(4).readUInt32BE(0);
  }
}

const text = (bytes: Buffer): string => {
  if (!isUtf8(bytes)) invalid('A tree has a name that is not valid UTF-8.');
  return bytes.toString('utf8');
};

/** Attacker-controlled. The entries of a tree, in order; throws `tree-invalid` unless this is exactly what encodeTree makes. */
export const decodeTree = (bytes: Buffer): TreeEntry[] => {
  if (bytes.length > limits.treeBytes) invalid(`A tree has more than ${limits.treeBytes} bytes.`);
  const reader = new Reader(bytes);
  if (!reader.take(4).equals(MAGIC)) invalid('A tree does not begin with its magic number.');
  const count = reader.u32();
  if (count > limits.treeEntries) invalid(`A tree has more than ${limits.treeEntries} entries.`);
  const entries: TreeEntry[] = [];
  const kinds = new Map<string, TreeEntry['kind']>();
  const parents = new Parents(kinds, () => invalid('A tree lacks the directory of an entry.'));
  const current = Buffer.alloc(limits.pathBytes);
  let currentLength = 0;
  for (let index = 0; index < count; index++) {
    const shared = reader.u16();
    const rest = reader.take(reader.u16());
    if (shared > currentLength) invalid('A tree has a path that shares more than there is.');
    if (shared + rest.length > limits.pathBytes) invalid(`A tree has a path of more than ${limits.pathBytes} bytes.`);
    // Sorted, unique and with the longest shared prefix: the first own byte must be greater than the byte it replaces.
    if (rest.length === 0 || (shared < currentLength && rest[0]! <= current[shared]!)) {
      invalid('A tree is not sorted, or its shared prefixes are not the longest.');
    }
    rest.copy(current, shared);
    currentLength = shared + rest.length;
    const path = text(current.subarray(0, currentLength));
    checkPath(path);
    const entry = readEntry(reader, path);
    parents.check(path);
    kinds.set(path, entry.kind);
    entries.push(entry);
  }
  if (reader.at !== bytes.length) invalid('A tree has bytes after its last entry.');
  canonicalGroups(entries, (file, canonical) => {
    if (file.group !== canonical) invalid('A tree has groups that are not numbered in order.');
  });
  return entries;
};

const readEntry = (reader: Reader, path: string): TreeEntry => {
  const kind = reader.take(1)[0];
  if (kind === KIND.directory) return { path, kind: 'directory' };
  if (kind === KIND.link) {
    const target = text(reader.take(reader.u16()));
    checkTarget(target);
    if (Buffer.byteLength(target) > limits.pathBytes) invalid(`A tree has a link target of more than ${limits.pathBytes} bytes.`);
    return { path, kind: 'link', target };
  }
  if (kind !== KIND.file) return invalid('A tree has an entry of an unknown kind.');
  const digest = reader.take(32);
  const high = reader.u32();
  if (high >= 0x20_0000) invalid('A tree has a file of an impossible size.');
  const size = high * 0x1_0000_0000 + reader.u32();
  return { path, kind: 'file', digest, size, group: reader.u16() };
};

/** One entry of an encoded tree, or its head: a range of bytes. */
export interface TreeSlice {
  readonly start: number;
  readonly end: number;
  /** Place in the list; -1 for the head. */
  readonly index: number;
  /** Of a file: the view of its SHA-256, and its size. */
  readonly digest?: Buffer | undefined;
  readonly size: number;
}

/** Cuts a tree of `encodeTree` into its entries without decoding them. Not for bytes of a peer: nothing is checked. */
export const sliceTree = function* (tree: Buffer): Generator<TreeSlice> {
  yield { start: 0, end: 8, index: -1, size: 0 };
  for (let start = 8, index = 0; start < tree.length; index++) {
    const kindAt = start + 4 + tree.readUInt16BE(start + 2);
    const kind = tree[kindAt];
    const file = kind === KIND.file;
    const end = kindAt + 1 + (file ? 42 : kind === KIND.link ? 2 + tree.readUInt16BE(kindAt + 1) : 0);
    const digest = file ? tree.subarray(kindAt + 1, kindAt + 33) : undefined;
    const size = file ? tree.readUInt32BE(kindAt + 33) * 0x1_0000_0000 + tree.readUInt32BE(kindAt + 37) : 0;
    yield { start, end, index, digest, size };
    start = end;
  }
};
