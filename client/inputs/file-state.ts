/**
 * What the file system says about many paths in one call: the addon's `statList`, or one stat after another where the addon is
 * not built. A state is twelve 32-bit words; two states of a path are the same if all words that matter are.
 *
 * @module
 */

import { lstatSync, statSync, type BigIntStats } from 'node:fs';
import { createRequire } from 'node:module';
import { StaysLocal } from './reasons.ts';

/** Words of one state: device, inode, size, mtime, ctime in ns, mode; two each, the low one first. */
export const stateWords = 12;
export const modeWord = 10;
const deviceAndInode = 4;

const typeMask = 0o170000;
const types: Readonly<Record<number, FileState['kind']>> = { 0o100000: 'file', 0o040000: 'directory', 0o120000: 'link' };

/** States of all paths, one after another. A path that can't be examined has mode 0 and the negative errno as its size. */
export type StatList = (paths: readonly string[], follow: boolean) => Int32Array;

/** The same object as long as the state of the path is the same, as far as that counts. */
export interface FileState {
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  readonly size: number;
  /** Modification time in whole seconds. */
  readonly second: number;
  readonly words: Int32Array;
}

/** ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG: nothing is there. */
const absences = new Set([2, 20, 40, 36]);

export const wordsOf = (stat: BigIntStats): Int32Array =>
  // The copy is small enough for V8 to keep it inside its heap.
  new Int32Array(new BigInt64Array([stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs, stat.mode]).buffer).slice();

const oneByOne: StatList = (paths, follow) => {
  const result = new Int32Array(paths.length * stateWords);
  for (const [index, path] of paths.entries()) {
    let errno = 2;
    try {
      const stat = (follow ? statSync : lstatSync)(path, { bigint: true, throwIfNoEntry: false });
      if (stat !== undefined) {
        result.set(wordsOf(stat), index * stateWords);
        continue;
      }
    } catch (error) {
      errno = Math.abs((error as NodeJS.ErrnoException).errno ?? 5);
    }
    result.set([-errno, -1], index * stateWords + 4);
  }
  return result;
};

const load = (): StatList => {
  for (const place of ['../../native/wardcc.node', '../../dist/native/wardcc.node']) {
    try {
      const addon = createRequire(import.meta.url)(place) as { statList: (paths: readonly string[], follow: boolean) => BigInt64Array };
      return (paths, follow) => new Int32Array(addon.statList(paths, follow).buffer);
    } catch { /* not built, or built for another Node: the other way is slower, not worse */ }
  }
  return oneByOne;
};

/** The fastest way there is. */
export const statList: StatList = load();
export const slowStatList: StatList = oneByOne;

const numberAt = (words: Int32Array, at: number): number => (words[at + 1] as number) * 0x1_0000_0000 + ((words[at] as number) >>> 0);

/** Reads one state. @throws StaysLocal when the path can't be examined for another reason than its absence. */
export const stateOf = (words: Int32Array, path: string): FileState | undefined => {
  const mode = words[modeWord] as number;
  if (mode === 0) {
    if (absences.has(-numberAt(words, 4))) return undefined;
    throw new StaysLocal('odd-input', path);
  }
  return { kind: types[mode & typeMask] ?? 'other', size: numberAt(words, 4), second: Math.floor(numberAt(words, 6) / 1e9), words };
};

/** The age in ms of the youngest of a state's times. */
export const ageOf = (words: Int32Array, now: number): number => now - Math.max(numberAt(words, 6), numberAt(words, 8)) / 1e6;

/** Clocks of file systems tick at least every 10 ms; twice that is safe. */
const clockResolutionMs = 20;
/** Some keep whole seconds, or every other one; such a time has no part of a second, which is rare elsewhere. */
const coarseResolutionMs = 4_000;
const nanosecondsASecond = 1_000_000_000n;

/** Whether a change after a look that began now would show in the state. */
export const isSettled = (words: Int32Array, now: number): boolean => {
  const age = ageOf(words, now);
  return age > coarseResolutionMs || (age > clockResolutionMs && !isWholeSecond(words));
};

const isWholeSecond = (words: Int32Array): boolean =>
  ((BigInt(words[9] as number) << 32n) + BigInt((words[8] as number) >>> 0)) % nanosecondsASecond === 0n;

export const sameWords = (a: Int32Array, b: Int32Array, count = stateWords): boolean => {
  for (let at = 0; at < count; at++) if (a[at] !== b[at]) return false;
  return true;
};

/**
 * Whether the states at these places of two lists say the same: of files all of it; of a directory that it is one, and if
 * `identity` counts, which one.
 */
export const sameState = (a: Int32Array, atA: number, b: Int32Array, atB: number, identity: boolean): boolean => {
  const mode = a[atA + modeWord] as number;
  if (mode !== b[atB + modeWord]) return false;
  const count = (mode & typeMask) !== 0o040000 ? modeWord : identity ? deviceAndInode : 0;
  for (let word = 0; word < count; word++) if (a[atA + word] !== b[atB + word]) return false;
  return true;
};

/** A number, or a text where it is too large to be exact: inodes of overlays and of network file systems have 64 bits. */
const exactAt = (words: Int32Array, at: number): number | string => {
  const number = numberAt(words, at);
  return Number.isSafeInteger(number) ? number : `${words[at + 1]}:${words[at]}`;
};

/** Device and inode, which two paths share exactly if they are the same file. */
export const identityOf = ({ words }: Pick<FileState, 'words'>): { readonly device: number | string; readonly inode: number | string } =>
  ({ device: exactAt(words, 0), inode: exactAt(words, 2) });
