/**
 * The file system as one job sees it: each path is looked at once, paths that are likely to be needed all at once.
 *
 * @module
 */

import type { FileState } from './file-state.ts';
import { FileTable, monotonicMs, type Sighting } from './file-table.ts';

export class FileStates {
  readonly #table: FileTable;
  readonly #since: number;
  readonly #seen = new Set<number>();

  /**
   * @param since looks before the job began do not count
   * @param expected numbers of paths that are likely to be needed
   */
  constructor(table = new FileTable(false), since = monotonicMs(), expected: Uint32Array = new Uint32Array(0)) {
    this.#table = table;
    this.#since = since;
    if (expected.length > 0) table.look(expected, since);
  }

  /** @throws StaysLocal `odd-input` when the path can't be examined for another reason than its absence. */
  get(path: string): FileState | undefined {
    const id = this.#table.id(path);
    if (!this.#seen.has(id)) {
      this.#table.look([id], this.#since);
      this.#seen.add(id);
    }
    return this.#table.state(id);
  }

  /** Everything that was looked at, and what was seen. */
  get sighting(): Sighting {
    return this.#table.sight(this.#seen);
  }
}
