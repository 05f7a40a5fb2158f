/**
 * What collecting inputs remembers from one command to the next. An agent has one of these.
 *
 * @module
 */

import { join } from 'node:path';
import type { Toolchain } from '../../toolchain/describe.ts';
import { FileCache } from './file-cache.ts';
import { FileStates } from './file-states.ts';
import { FileTable, type Sighting } from './file-table.ts';
import { Listings } from './listings.ts';
import { Manifests } from './manifests.ts';
import { Precompiled } from './precompiled.ts';
import { Folders } from './scanner/folders.ts';
import { Scanner } from './scanner/scan.ts';
import { SearchPaths, type SearchPath } from './search-path.ts';
import { StageView } from './stage-view.ts';

type Parts = Pick<Toolchain, 'entries' | 'includeDirs'>;

export class InputsMemory {
  readonly files = new FileCache();
  /** Precompiled headers that servers made. */
  readonly precompiled: Precompiled;
  /** What lies at each path, links not followed. */
  readonly table = new FileTable(false);
  readonly #followed = new FileTable(true);
  readonly search = new SearchPaths(this.#followed);
  readonly #folders = new Folders(this.#followed);
  readonly manifests = new Manifests(this.#folders, { table: this.table, files: this.files });
  readonly listings = new Listings(this.#folders);
  readonly #stages = new WeakMap<Parts, StageView>();
  /** Paths that the last command with this search path looked at. */
  readonly #expected = new WeakMap<SearchPath, Sighting>();
  readonly #scanners = new WeakMap<SearchPath, Scanner>();
  /** How often a compiler had to list what a command reads, for statistics. */
  asked = 0;

  /** @param directory where things are remembered for the next agent */
  constructor(directory?: string) {
    this.precompiled = new Precompiled(directory === undefined ? undefined : join(directory, 'precompiled'));
  }

  /** A job begins: what has become too much is forgotten. */
  trim(): void {
    this.table.trim();
    this.#followed.trim();
  }

  /** The file system for one command that began at `since`. */
  states(search: SearchPath, since: number): FileStates {
    const expected = this.#expected.get(search);
    return new FileStates(this.table, since, expected?.generation === this.table.generation ? expected.ids : undefined);
  }

  /** Notes what a command looked at: the next one with the same search path will look at most of it too. */
  expect(search: SearchPath, sighting: Sighting): void {
    this.#expected.set(search, sighting);
  }

  stage(toolchain: Parts): StageView {
    return remembered(this.#stages, toolchain, () => new StageView(toolchain));
  }

  scanner(search: SearchPath): Scanner {
    return remembered(this.#scanners, search, () => new Scanner(search, this.#folders));
  }
}

const remembered = <K extends object, V>(map: WeakMap<K, V>, key: K, make: () => V): V => {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
};
