/**
 * The agent's own results on disk: what servers gave this user before. Found by the digest of everything a job depends on, so
 * what is found is what a server would answer; what is damaged is a miss. Only this user can write here (0700).
 *
 * @module
 */
import { hash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writevSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FarmJob } from '../farm/farm.ts';
import { decodeResult, encodeResult, type KeptResult } from './result-file.ts';

/** Results with more bytes than this are not kept. */
const largestResult = 64 * 2 ** 20;
/** Old results go until this part of the limit is left, so that room is not made for each new one. */
const afterSweep = 0.9;

export class LocalResults {
  readonly #directory: string;
  readonly #maxBytes: number;
  /** Bytes by key, in order of last use. A number each: there may be a hundred thousand of them. */
  readonly #entries = new Map<string, number>();
  #bytes = 0;

  /** @param maxBytes kept at most; 0 keeps nothing */
  constructor(directory: string, maxBytes: number) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    if (maxBytes > 0) this.#load();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The name of what a job does: toolchain, arguments, environment, places, inputs, and the project, whose results stay apart.
   *
   * @param epoch of the farm file: results of another one are not found; 0 where there is no file, and nothing was verified
   * @returns SHA-256 in hex
   */
  static key({ toolchain, language, argv, env, cwd, pwd, umask, outputs, tree, project }: FarmJob['probe'], epoch = 0): string {
    const variables = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
    return hash('sha256', JSON.stringify([1, epoch, toolchain, language, argv, variables, cwd, pwd ?? cwd, umask, outputs, tree, project]), 'hex');
  }

  /** Synchronous: a file in the page cache is there sooner than a promise. */
  find(key: string): KeptResult | undefined {
    const size = this.#entries.get(key);
    if (size === undefined) return undefined;
    let result: KeptResult | undefined;
    try {
      result = decodeResult(key, readFileSync(this.#path(key)));
    } catch {
      // Another agent of this user made room: a miss like any other.
    }
    this.#entries.delete(key);
    if (result === undefined) {
      this.#bytes -= size;
      rmSync(this.#path(key), { force: true });
    } else {
      this.#entries.set(key, size);
    }
    return result;
  }

  /**
   * Keeps a result. Synchronous, into the page cache: cheaper than four promises, and nobody waits for it. Never throws: what could
   * not be kept is asked for again. Half a file, left by an agent that was killed, is a damaged one.
   */
  keep(key: string, result: KeptResult): void {
    const parts = encodeResult(key, result);
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    if (size > Math.min(largestResult, this.#maxBytes) || this.#entries.has(key)) return;
    if (!writeNew(this.#path(key), parts, size)) return;
    this.#entries.set(key, size);
    this.#bytes += size;
    if (this.#bytes > this.#maxBytes) this.#sweep();
  }

  /** The result was wrong: it is not given again. */
  forget(key: string): void {
    const size = this.#entries.get(key);
    if (size === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= size;
    rmSync(this.#path(key), { force: true });
  }

  #sweep(): void {
    for (const [key, size] of this.#entries) {
      if (this.#bytes <= this.#maxBytes * afterSweep) return;
      this.#entries.delete(key);
      this.#bytes -= size;
      rmSync(this.#path(key), { force: true });
    }
  }

  #load(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const found: { key: string; size: number; at: number }[] = [];
    for (const entry of readdirSync(this.#directory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/^[0-9a-f]{64}$/.test(entry.name)) continue;
      const { size, mtimeMs } = statSync(join(entry.parentPath, entry.name));
      found.push({ key: entry.name, size, at: mtimeMs });
    }
    for (const { key, size } of found.sort((a, b) => a.at - b.at)) {
      this.#entries.set(key, size);
      this.#bytes += size;
    }
  }

  #path(key: string): string {
    return join(this.#directory, key.slice(0, 2), key);
  }
}

/** Whether there is a new file with all of this in it. One that another agent made stays as it is. */
const writeNew = (path: string, parts: readonly Buffer[], size: number): boolean => {
  let fd: number;
  try {
    fd = openNew(path);
  } catch {
    return false;
  }
  let written = 0;
  try {
    written = writevSync(fd, parts);
  } catch {
    // The disk is full, or ill.
  }
  closeSync(fd);
  if (written !== size) rmSync(path, { force: true });
  return written === size;
};

/** Its directory is made when the first file comes into it. */
const openNew = (path: string): number => {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { mode: 0o700 });
    return openSync(path, 'wx', 0o600);
  }
};
