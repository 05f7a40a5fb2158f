/**
 * Whether files changed, by looking: also when they were replaced by rename, or lie on NFS, where nothing else tells.
 *
 * @module
 */
import { stat } from 'node:fs/promises';

/** A file system that does not answer sooner is treated as one where the files are gone. */
const answerMs = 2_000;

const stampOf = async (path: string): Promise<string> => {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
};

const inTime = (stamp: Promise<string>): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve('no answer'), answerMs);
  return Promise.race([stamp, promise]).finally(() => clearTimeout(timer));
};

export class FileWatch {
  readonly #files: () => readonly string[];
  /** Looks that have not come back: none is begun a second time. */
  readonly #asked = new Map<string, Promise<string>>();
  #seen: string | undefined;

  /** `files` may name others each time. */
  constructor(files: () => readonly string[]) {
    this.#files = files;
  }

  /** Has anything changed since the last look? The first look says yes: the files were read before it, and may be others by now. */
  async look(): Promise<boolean> {
    const stamps = await Promise.all(this.#files().map((path) => inTime(this.#ask(path))));
    const before = this.#seen;
    this.#seen = stamps.join(' ');
    return before !== this.#seen;
  }

  #ask(path: string): Promise<string> {
    const asked = this.#asked.get(path) ?? stampOf(path).finally(() => this.#asked.delete(path));
    this.#asked.set(path, asked);
    return asked;
  }
}
