/**
 * Names in directories, so that most look-ups of headers cost no system call. A listing is good while device, inode and times
 * of the directory stay the same; it is looked at once a job. A directory that was changed within the resolution of the
 * clock is read again.
 *
 * Compilations write objects beside sources, so listings change all the time. What was derived from a listing stays good
 * unless a name that was asked for has come or gone: `version` counts those changes.
 *
 * @module
 */

import { readdirSync, statSync, type Stats } from 'node:fs';

const clockResolutionMs = 20;
const mostFolders = 20_000;

const stampOf = (stat: Stats): string => `${stat.dev}:${stat.ino}:${stat.mtimeMs}:${stat.ctimeMs}`;

export class Folder {
  readonly path: string;
  /** Changes when an answer given before would be different now. */
  version = 0;
  #job = -1;
  #stamp = '';
  #settled = false;
  #names = new Set<string>();
  #lowered: Set<string> | undefined;
  readonly #asked = new Map<string, boolean>();

  constructor(path: string) {
    this.path = path;
  }

  /** Looks at the directory again, once a job. */
  refresh(job: number): this {
    if (this.#job === job) return this;
    this.#job = job;
    let stat: Stats | undefined;
    try {
      stat = statSync(this.path, { throwIfNoEntry: false });
    } catch {
      stat = undefined;
    }
    const stamp = stat?.isDirectory() === true ? stampOf(stat) : 'none';
    if (stamp === this.#stamp && this.#settled) return this;
    const sameFolder = stamp.split(':', 2).join() === this.#stamp.split(':', 2).join();
    this.#stamp = stamp;
    this.#settled = stat === undefined || Date.now() - Math.max(stat.mtimeMs, stat.ctimeMs) > clockResolutionMs;
    this.#names = stat === undefined ? new Set() : namesIn(this.path);
    this.#lowered = undefined;
    const same = sameFolder && [...this.#asked].every(([name, answer]) => this.#find(name) === answer);
    if (!same) {
      this.version += 1;
      this.#asked.clear();
    }
    return this;
  }

  /** Whether something may lie here under this name; on some file systems the case of letters does not matter. */
  has(name: string): boolean {
    const known = this.#asked.get(name);
    if (known !== undefined) return known;
    const answer = this.#find(name);
    this.#asked.set(name, answer);
    return answer;
  }

  #find(name: string): boolean {
    if (this.#names.has(name)) return true;
    this.#lowered ??= new Set([...this.#names].map((each) => each.toLowerCase()));
    return this.#lowered.has(name.toLowerCase());
  }
}

const namesIn = (path: string): Set<string> => {
  try {
    return new Set(readdirSync(path));
  } catch {
    return new Set();
  }
};

/** All directories that were looked into, by the path they were opened by. */
export class Folders {
  readonly #known = new Map<string, Folder>();

  get(path: string): Folder {
    let folder = this.#known.get(path);
    if (folder === undefined) {
      if (this.#known.size >= mostFolders) this.#known.clear();
      this.#known.set(path, (folder = new Folder(path)));
    }
    return folder;
  }
}
