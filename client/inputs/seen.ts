/**
 * What was seen of the file system while a tree was made, and whether it is so still. One native call tells; only files and links so
 * young then that a change would have left no trace are read again.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import type { FileTable, Sighting } from './file-table.ts';

/** A file or link that was read within the resolution of its clock, and what was in it: SHA-256, hex, or the target. */
export type Young = { readonly path: string; readonly hex: string } | { readonly path: string; readonly target: string };

export class Seen {
  readonly #table: FileTable;
  readonly #sighting: Sighting;
  readonly #young: readonly Young[];

  constructor(table: FileTable, sighting: Sighting, young: readonly Young[] = []) {
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
    return this.#table.holds(this.#sighting, since) && this.#young.every(isStill);
  }
}

const isStill = (young: Young): boolean => {
  try {
    return 'hex' in young ? hash('sha256', readFileSync(young.path), 'hex') === young.hex : readlinkSync(young.path) === young.target;
  } catch {
    return false;
  }
};
