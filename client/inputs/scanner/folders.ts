/**
 * Names in directories, so that most look-ups of headers cost no system call. A listing is good while device, inode and times
 * of the directory stay the same; each job looks at it. A directory that was changed within the resolution of the
 * clock is read again.
 *
 * Compilations write objects beside sources, so listings change all the time. What was derived from a listing stays good
 * unless a name that was asked for has come or gone: `version` counts those changes.
 *
 * @module
 */

import { readdirSync } from 'node:fs';
import { isSettled, modeWord, sameWords, stateWords, statList } from '../file-state.ts';
import type { FileTable } from '../file-table.ts';
import { StaysLocal } from '../reasons.ts';
import { precompiledEndings } from '../tree-builder.ts';

const mostFolders = 20_000;
/** Device and inode. */
const identityWords = 4;
/** In any case of letters: not every file system tells them apart. */
const looksPrecompiled = new RegExp(`(?:${precompiledEndings.map((ending) => RegExp.escape(ending)).join('|')})$`, 'i');

export class Folder {
  readonly path: string;
  /** Changes when an answer given before would be different now. */
  version = 0;
  readonly #table: FileTable;
  readonly #words = new Int32Array(stateWords);
  /** No job that began by then has to look again. */
  #good = 0;
  #settled = false;
  #names = new Set<string>();
  /** Names in lower case, where the file system takes them for the same; `exact` where it does not. */
  #lowered: Set<string> | 'exact' | undefined;
  readonly #asked = new Map<string, boolean>();
  #precompiled: boolean | undefined;

  constructor(path: string, table: FileTable) {
    this.path = path;
    this.#table = table;
  }

  /** Its number in the table. */
  get id(): number {
    return this.#table.id(this.path);
  }

  /** Brings the listing up to a look at or after `since`. */
  refresh(since: number): this {
    if (this.#good >= since) return this;
    const { id } = this;
    this.#table.look([id], since);
    const words = this.#table.words(id);
    if (!this.#settled || !sameWords(words, this.#words)) this.#list(words);
    this.#good = since;
    return this;
  }

  /** Reads the listing, of a directory in this state. */
  #list(words: Int32Array): void {
    const settled = isSettled(words, Date.now());
    this.#names = namesIn(this.path);
    this.#settled = settled;
    const sameFolder = sameWords(words, this.#words, identityWords);
    this.#words.set(words);
    this.#lowered = undefined;
    if (sameFolder && this.#answersHold()) return;
    this.version += 1;
    this.#asked.clear();
    this.#precompiled = undefined;
  }

  /** Whether anything here looks like a precompiled header: where nothing does, nobody needs to look for one beside each header. */
  get holdsPrecompiled(): boolean {
    return (this.#precompiled ??= this.#findPrecompiled());
  }

  /** Whether something may lie here under this name; on some file systems the case of letters does not matter. */
  has(name: string): boolean {
    const known = this.#asked.get(name);
    if (known !== undefined) return known;
    const answer = this.#find(name);
    this.#asked.set(name, answer);
    return answer;
  }

  #answersHold(): boolean {
    return (this.#precompiled === undefined || this.#precompiled === this.#findPrecompiled())
      && this.#asked.entries().every(([name, answer]) => this.#find(name) === answer);
  }

  #findPrecompiled(): boolean {
    return this.#names.values().some((name) => looksPrecompiled.test(name));
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

/** @throws StaysLocal for a directory that can't be listed: what lies in it may be opened all the same */
const namesIn = (path: string): Set<string> => {
  try {
    return new Set(readdirSync(path));
  } catch (error) {
    if (!absences.has((error as NodeJS.ErrnoException).code ?? '')) throw new StaysLocal('odd-input', path);
    return new Set();
  }
};

const absences = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/** All directories that were looked into, by the path they were opened by. */
export class Folders {
  readonly #known = new Map<string, Folder>();
  readonly #table: FileTable;

  /** @param table of states with links followed */
  constructor(table: FileTable) {
    this.#table = table;
  }

  get(path: string): Folder {
    let folder = this.#known.get(path);
    if (folder === undefined) {
      if (this.#known.size >= mostFolders) this.#known.clear();
      this.#known.set(path, (folder = new Folder(path, this.#table)));
    }
    return folder;
  }

  /** Brings many listings up to date, with one look. */
  refresh(folders: readonly Folder[], since: number): void {
    this.#table.look(folders.map(({ id }) => id), since);
    for (const folder of folders) folder.refresh(since);
  }
}
