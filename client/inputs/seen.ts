/**
 * What was seen of the file system while a tree was made, and whether it is so still. One native call tells; only files so
 * young then that a change would have left no trace are read again.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { nameOfStates, statList } from './file-state.ts';

/** A file that was read within the resolution of its clock, and what was in it: SHA-256, hex. */
export interface YoungFile {
  readonly path: string;
  readonly hex: string;
}

export class Seen {
  readonly paths: readonly string[];
  /** Name of the states the paths were in. */
  readonly states: string;
  readonly #young: readonly YoungFile[];

  constructor(paths: readonly string[], states: string, young: readonly YoungFile[] = []) {
    this.paths = paths;
    this.states = states;
    this.#young = young;
  }

  /** Whether every path that was walked is what it was, and every input has the content that it had. */
  get holds(): boolean {
    return nameOfStates(statList(this.paths, false)) === this.states && this.#young.every(({ path, hex }) => hexOf(path) === hex);
  }
}

const hexOf = (path: string): string | undefined => {
  try {
    return hash('sha256', readFileSync(path), 'hex');
  } catch {
    return undefined;
  }
};
