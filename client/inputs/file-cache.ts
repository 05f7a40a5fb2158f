/**
 * Digests and facts of files, known again by device, inode, size and the times of modification and change. A file that was
 * modified within the resolution of the file system's clock may change once more without a trace: it is read again.
 *
 * Everything is synchronous: a page-cached header is read faster than a promise is resolved.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isSettled, sameWords, wordsOf, type FileState } from './file-state.ts';
import { StaysLocal } from './reasons.ts';
import { factsOf, noFacts, type Facts } from './facts.ts';

export interface KnownFile {
  readonly digest: Buffer;
  readonly hex: string;
  readonly size: number;
  readonly facts: Facts;
  /** False if it was read so soon after a change that another change may leave no trace. */
  readonly settled: boolean;
}

interface Remembered extends KnownFile {
  readonly words: Int32Array;
  /** The last state that had these words. */
  state: FileState | undefined;
}

/** What one remembered file costs, roughly, beside its path. */
const costOfEntry = 800;
const triesWhileChanging = 3;
const largestRoom = 4 * 1024 * 1024;
/** Contents of before whose facts are remembered: an edit of a header is one, a change of branch some thousands. */
const mostEarlier = 8192;

const costOf = (path: string, { facts }: KnownFile): number => {
  const mentions = [...(facts.includes ?? []), ...(facts.nexts ?? []), ...(facts.asks ?? []), ...(facts.indirect ?? [])];
  return costOfEntry + path.length + mentions.reduce((sum, { name }) => sum + 60 + name.length, 0);
};

const digestBytes = 32;
let block = Buffer.alloc(0);

/** The bytes of a digest, in a block that holds nothing but digests: they stay for long. */
const keep = (hex: string): Buffer => {
  if (block.length === 0) block = Buffer.allocUnsafeSlow(1024 * digestBytes);
  const digest = block.subarray(0, digestBytes);
  block = block.subarray(digestBytes);
  digest.write(hex, 'hex');
  return digest;
};

let room = Buffer.allocUnsafeSlow(256 * 1024);

/** A buffer for the content of one file; the next file overwrites it. */
const roomFor = (size: number): Buffer => {
  if (size > largestRoom) return Buffer.allocUnsafeSlow(size);
  if (size > room.length) room = Buffer.allocUnsafeSlow(Math.min(largestRoom, size * 2));
  return room.subarray(0, size);
};

/** Reads a regular file whole, or throws if it is something else or changes meanwhile. */
const readWhole = (path: string): { content: Buffer; words: Int32Array } => {
  const fd = openSync(path, 'r');
  try {
    for (let tries = 0; tries < triesWhileChanging; tries++) {
      const before = fstatSync(fd, { bigint: true });
      if (!before.isFile()) throw new StaysLocal('odd-input', path);
      const content = roomFor(Number(before.size));
      let at = 0;
      for (let count = 1; at < content.length && count > 0; at += count) count = readSync(fd, content, at, content.length - at, at);
      const words = wordsOf(fstatSync(fd, { bigint: true }));
      if (at === content.length && sameWords(wordsOf(before), words)) return { content, words };
    }
    throw new StaysLocal('changing-input', path);
  } finally {
    closeSync(fd);
  }
};

const sameFacts = (a: Facts, b: Facts): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Nothing is included by what a compiler made. */
const isText = (path: string): boolean => !path.endsWith('.gch');

export interface FileCacheOptions {
  /** Rough bound of the memory used. Default 24 MiB. */
  readonly maxBytes?: number;
  /** Clock in ms, for tests. */
  readonly now?: () => number;
}

export class FileCache {
  readonly #files = new Map<string, Remembered>();
  /** Facts of what was in files before they were changed, by digest: only where the change left the facts as they were. */
  readonly #earlier = new Map<string, Facts>();
  readonly #maxBytes: number;
  readonly #now: () => number;
  #bytes = 0;
  /** Files read so far, for statistics. */
  reads = 0;

  constructor(options: FileCacheOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 24 * 1024 * 1024;
    this.#now = options.now ?? Date.now;
  }

  get size(): number {
    return this.#files.size;
  }

  /**
   * Digest and facts of the file at an absolute path without links. While its facts stay the same they are the same object, whatever else
   * changes in it.
   *
   * @param state what lstat just said about it
   * @throws StaysLocal when it can't be read or keeps changing
   */
  get(path: string, state: FileState): KnownFile {
    const known = this.#files.get(path);
    if (known !== undefined) {
      if (known.state === state) return known;
      if (sameWords(known.words, state.words)) {
        known.state = state;
        return known;
      }
      this.#forget(path, known);
    }
    const now = this.#now();
    let read: ReturnType<typeof readWhole>;
    try {
      read = readWhole(path);
    } catch (error) {
      if (error instanceof StaysLocal) throw error;
      throw new StaysLocal('odd-input', path);
    }
    this.reads += 1;
    const hex = hash('sha256', read.content);
    const settled = isSettled(read.words, now);
    const digest = keep(hex);
    const facts = this.#factsAfter(known, isText(path) ? factsOf(read.content) : noFacts);
    const file = { digest, hex, size: read.content.length, facts, settled, words: read.words, state: undefined };
    if (settled) this.#remember(path, file);
    return file;
  }

  /**
   * The facts of a content that some file had until it was changed, if the change left them as they were.
   *
   * @param hex SHA-256 of the content
   */
  earlierFacts(hex: string): Facts | undefined {
    return this.#earlier.get(hex);
  }

  /** Facts that are found after a change: the object of before, if it says the same. */
  #factsAfter(before: KnownFile | undefined, found: Facts): Facts {
    if (before === undefined || !sameFacts(before.facts, found)) return found;
    this.#earlier.delete(before.hex);
    this.#earlier.set(before.hex, before.facts);
    if (this.#earlier.size > mostEarlier) this.#earlier.delete(this.#earlier.keys().next().value!);
    return before.facts;
  }

  #remember(path: string, file: Remembered): void {
    this.#files.set(path, file);
    this.#bytes += costOf(path, file);
    for (const [oldest, entry] of this.#files) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#forget(oldest, entry);
    }
  }

  #forget(path: string, file: Remembered): void {
    this.#files.delete(path);
    this.#bytes -= costOf(path, file);
  }
}
