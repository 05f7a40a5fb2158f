/**
 * The files of an encoded tree, without decoding the rest of it: which file has some content, and the same tree with other contents in some
 * files. Only for trees of this side's own encoder: nothing is checked.
 *
 * @module
 */
import { limits } from './limits.ts';
import { sliceTree, type TreeSlice } from './tree.ts';

const digestBytes = 32;

/** What a file has now in the place of what the tree says. */
export interface Content {
  /** SHA-256 (32 bytes). */
  readonly digest: Buffer;
  readonly size: number;
}

/** Whether a file can have this content, given the digest (32 bytes) and size that it has in the tree. */
export type MayReplace = (path: string, before: Content, now: Content) => boolean;

/** The path of the entry that is being looked at: walks do not overlap. */
const path = Buffer.allocUnsafeSlow(limits.pathBytes);

/** The path of the first file that has this SHA-256 (32 bytes). */
export const fileWith = (tree: Buffer, digest: Buffer): string | undefined => {
  for (const entry of sliceTree(tree)) {
    const length = readPath(tree, entry);
    if (entry.digest !== undefined && entry.digest[0] === digest[0] && entry.digest.equals(digest)) return path.toString('utf8', 0, length);
  }
  return undefined;
};

/**
 * The encoding of the same tree with these contents in place of those that some of its files have.
 *
 * @param contents by path
 * @param mayReplace is asked for each of them
 * @returns undefined if that is refused, if one of them is no file of the tree, or if files have, or had, the same content: then they may be
 * one file under two names, and how they are grouped would have to be found out anew
 */
export const withContents = (tree: Buffer, contents: ReadonlyMap<string, Content>, mayReplace: MayReplace): Buffer | undefined => {
  const wanted = [...contents].map(([path, content]) => ({ path, bytes: Buffer.from(path), content })).sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  const renewed = Buffer.allocUnsafeSlow(tree.length);
  tree.copy(renewed);
  let next = 0;
  for (const entry of sliceTree(tree)) {
    const one = wanted[next];
    if (one === undefined) break;
    const length = readPath(tree, entry);
    if (length !== one.bytes.length || one.bytes.compare(path, 0, length) !== 0) continue;
    const { digest, size } = entry;
    if (digest === undefined || !mayReplace(one.path, { digest, size }, one.content)) return undefined;
    if (!replace(renewed, digest.byteOffset - tree.byteOffset, one.content)) return undefined;
    next += 1;
  }
  return next === wanted.length ? renewed : undefined;
};

/** Writes over the digest at a place and the size behind it. Says whether nothing else in the tree has, or had, the content. */
const replace = (tree: Buffer, at: number, { digest, size }: Content): boolean => {
  const before = tree.subarray(at, at + digestBytes);
  if (tree.indexOf(before) !== at || tree.indexOf(before, at + digestBytes) !== -1) return false;
  if (digest.equals(before)) return true;
  if (tree.includes(digest)) return false;
  digest.copy(tree, at);
  tree.writeBigUInt64BE(BigInt(size), at + digestBytes);
  return true;
};

/** Makes `path` that of the next entry, out of that of the one before it. Returns how long it is. */
const readPath = (tree: Buffer, { start, index }: TreeSlice): number => {
  if (index < 0) return 0;
  const shared = tree.readUInt16BE(start);
  const rest = tree.readUInt16BE(start + 2);
  tree.copy(path, shared, start + 4, start + 4 + rest);
  return shared + rest;
};
