/**
 * What collecting inputs remembers from one command to the next. An agent has one of these.
 *
 * @module
 */

import type { Toolchain } from '../../toolchain/describe.ts';
import { FileCache } from './file-cache.ts';
import { Folders } from './scanner/folders.ts';
import { Scanner } from './scanner/scan.ts';
import { SearchPaths, type SearchPath } from './search-path.ts';
import { StageView } from './stage-view.ts';

type Parts = Pick<Toolchain, 'entries' | 'includeDirs'>;

export class InputsMemory {
  readonly files = new FileCache();
  readonly search = new SearchPaths();
  readonly #folders = new Folders();
  readonly #stages = new WeakMap<Parts, StageView>();
  readonly #scanners = new WeakMap<SearchPath, Scanner>();
  #job = 0;

  /** A number for each job: file system look-ups are good for one. */
  nextJob(): number {
    return (this.#job += 1);
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
