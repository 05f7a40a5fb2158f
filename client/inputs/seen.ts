/**
 * What was seen of the file system while a tree was made, and whether it is so still. One native call tells; only files so
 * young then that a change would have left no trace are read again.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FileTable, Sighting } from './file-table.ts';

/** A file that was read within the resolution of its clock, and what was in it: SHA-256, hex. */
export interface YoungFile {
  readonly path: string;
  readonly hex: string;
}

export class Seen {
  readonly #table: FileTable;
  readonly #sighting: Sighting;
  readonly #young: readonly YoungFile[];

  constructor(table: FileTable, sighting: Sighting, young: readonly YoungFile[] = []) {
    this.#table = table;
    this.#sighting = sighting;
    this.#young = young;
  }

  /** How many paths were walked. */
  get size(): number {
    return this.#sighting.ids.length;
  }

  /** Numbers of paths that are not what they were; undefined if that can't be told. Looks before `since` do not count. */
  changed(since: number): number[] | undefined {
    return this.#table.changed(this.#sighting, since);
  }

  /** The same paths, as they are by the last look. */
  again(): Seen {
    return new Seen(this.#table, this.#table.sight(this.#sighting.ids));
  }

  /** Whether every path that was walked is what it was, and every input has the content that it had. Looks before `since` do not count. */
  holds(since: number): boolean {
    return this.#table.holds(this.#sighting, since) && this.#young.every(({ path, hex }) => hexOf(path) === hex);
  }
}

const hexOf = (path: string): string | undefined => {
  try {
    return hash('sha256', readFileSync(path), 'hex');
  } catch {
    return undefined;
  }
};
