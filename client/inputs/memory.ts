/**
 * What collecting inputs remembers from one command to the next. An agent has one of these.
 *
 * @module
 */

import type { Toolchain } from '../../toolchain/describe.ts';
import { FileCache } from './file-cache.ts';
import { FileStates } from './file-state.ts';
import { Listings } from './listings.ts';
import { Manifests } from './manifests.ts';
import { Folders } from './scanner/folders.ts';
import { Scanner } from './scanner/scan.ts';
import { SearchPaths, type SearchPath } from './search-path.ts';
import { StageView } from './stage-view.ts';

type Parts = Pick<Toolchain, 'entries' | 'includeDirs'>;

export class InputsMemory {
  readonly files = new FileCache();
  readonly search = new SearchPaths();
  readonly #folders = new Folders();
  readonly manifests = new Manifests(this.#folders);
  readonly listings = new Listings(this.#folders);
  readonly #stages = new WeakMap<Parts, StageView>();
  /** Paths that the last command with this search path looked at. */
  readonly #expected = new WeakMap<SearchPath, Map<string, number>>();
  readonly #scanners = new WeakMap<SearchPath, Scanner>();
  #job = 0;
  /** How often a compiler had to list what a command reads, for statistics. */
  asked = 0;

  /** A number for each job: file system look-ups are good for one. */
  nextJob(): number {
    return (this.#job += 1);
  }

  /** The file system as it is now, for one command. */
  states(search: SearchPath): FileStates {
    return new FileStates(this.#expected.get(search));
  }

  /** Notes what a command looked at: the next one with the same search path will look at most of it too. */
  expect(search: SearchPath, paths: readonly string[]): void {
    const known = this.#expected.get(search);
    const fresh = known === undefined ? paths.length : paths.reduce((count, path) => (known.has(path) ? count : count + 1), 0);
    const useful = known !== undefined && fresh * 10 < paths.length && known.size < paths.length * 1.3;
    if (!useful) this.#expected.set(search, new Map(paths.map((path, index) => [path, index])));
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
