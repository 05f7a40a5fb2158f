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

import { readdirSync } from 'node:fs';
import { ageOf, modeWord, sameWords, stateWords, statList } from '../file-state.ts';

const clockResolutionMs = 20;
const mostFolders = 20_000;
/** Device and inode. */
const identityWords = 4;
const nothing = new Int32Array(stateWords);

export class Folder {
  readonly path: string;
  /** Changes when an answer given before would be different now. */
  version = 0;
  #job = -1;
  #words = nothing;
  #settled = false;
  #names = new Set<string>();
  /** Names in lower case, where the file system takes them for the same; `exact` where it does not. */
  #lowered: Set<string> | 'exact' | undefined;
  readonly #asked = new Map<string, boolean>();

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Looks at the directory again, once a job.
   *
   * @param seen its state, links followed, if that is known already
   */
  refresh(job: number, seen?: Int32Array): this {
    if (this.#job === job) return this;
    this.#job = job;
    const words = seen ?? statList([this.path], true);
    if (this.#settled && sameWords(words, this.#words)) return this;
    const sameFolder = sameWords(words, this.#words, identityWords);
    this.#words = words.slice();
    this.#settled = ageOf(words, Date.now()) > clockResolutionMs;
    this.#names = namesIn(this.path);
    this.#lowered = undefined;
    if (sameFolder && this.#asked.entries().every(([name, answer]) => this.#find(name) === answer)) return this;
    this.version += 1;
    this.#asked.clear();
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
    this.#lowered ??= this.#isExact() ? 'exact' : new Set([...this.#names].map((each) => each.toLowerCase()));
    return this.#lowered !== 'exact' && this.#lowered.has(name.toLowerCase());
  }

  /** Looks one of the names up in the other case. */
  #isExact(): boolean {
    for (const name of this.#names) {
      const other = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase();
      if (!this.#names.has(other)) return statList([`${this.path}/${other}`], false)[modeWord] === 0;
    }
    return true;
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

  /** Looks at many directories again, in one call. */
  refresh(folders: readonly Folder[], job: number): void {
    const words = statList(folders.map(({ path }) => path), true);
    for (const [index, folder] of folders.entries()) folder.refresh(job, words.subarray(index * stateWords, (index + 1) * stateWords));
  }
}
