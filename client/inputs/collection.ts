/**
 * A tree in the making for one command, with all that has to be in it whatever the source says, and the memory that its
 * making feeds.
 *
 * @module
 */

import { WardError } from '../../protocol/errors.ts';
import type { Toolchain } from '../../toolchain/describe.ts';
import { CollectedInputs } from './collected.ts';
import type { Facts } from './facts.ts';
import type { FileStates } from './file-states.ts';
import type { Found } from './manifests.ts';
import type { InputsMemory } from './memory.ts';
import { StaysLocal } from './reasons.ts';
import { Seen } from './seen.ts';
import type { SearchPath } from './search-path.ts';
import { TreeBuilder, type BuiltFile } from './tree-builder.ts';
import type { Inputs, InputsCommand } from './types.ts';
import { moveTree, namesInto } from './checkout.ts';

export class Collection {
  readonly tree: TreeBuilder;
  readonly #command: InputsCommand;
  readonly #search: SearchPath;
  readonly #memory: InputsMemory;
  readonly #states: FileStates;
  /** The tree can't lie elsewhere. */
  #stays = false;

  constructor(command: InputsCommand, toolchain: Toolchain, search: SearchPath, memory: InputsMemory, since: number) {
    this.#command = command;
    this.#search = search;
    this.#memory = memory;
    this.#states = memory.states(search, since);
    this.tree = new TreeBuilder(memory.files, memory.stage(toolchain), this.#states, command.checkout);
  }

  /** Adds a file that must be there. @throws StaysLocal if it is not */
  open(path: string): BuiltFile {
    const opened = this.tree.file(path);
    if (opened === undefined) throw new StaysLocal('odd-input', path);
    return opened;
  }

  /** Notes what a text says of places. */
  consider(facts: Facts): void {
    const { checkout } = this.#command;
    if (checkout !== undefined && namesInto(checkout, facts)) this.#stays = true;
  }

  /** Says that files are named in a way that can't be told from their texts. */
  stay(): void {
    this.#stays = true;
  }

  /**
   * Adds what every compile of this command needs, and remembers the answer unless a file is too young for that.
   *
   * @param key under which the answer is found again
   * @param defines what `-D` options say
   */
  finish(key: string, found: Found, defines: readonly string[], how: 'scanner' | 'compiler'): Inputs {
    addPlaces(this.tree, this.#command, this.#search);
    for (const path of this.#command.inputs) this.tree.file(path);
    for (const [path, digest] of this.tree.precompiledHeaders) {
      // Only gcc's; another one is not the farm's, or one that the command is about to replace.
      const usable = this.#command.family === 'gcc' && this.#memory.precompiled.has(digest) && !this.#command.outputs.some((output) => output.path === path);
      if (!usable) throw new StaysLocal('precompiled-header', path);
    }
    for (const { path } of this.#command.outputs) if (this.tree.has(path)) throw new StaysLocal('output-as-input', path);
    const { entries, bytes } = this.tree.finish();
    const { young } = this.tree;
    const { sighting } = this.#states;
    this.#memory.expect(this.#search, sighting);
    const { checkout } = this.#command;
    const moved = checkout === undefined || this.#stays || this.tree.crossed ? undefined : moveTree(entries, checkout, this.#search);
    const seen = new Seen(this.#memory.table, sighting, young);
    const inputs = encoded(moved ?? entries, { bytes, how, seen, checkout: moved === undefined ? undefined : checkout });
    if (young.length === 0) this.#memory.manifests.keep(key, this.#search, found, defines, inputs);
    return inputs;
  }
}

/** Trees have limits; a command that passes them is compiled here. */
const encoded = (...made: Parameters<typeof CollectedInputs.from>): CollectedInputs => {
  try {
    return CollectedInputs.from(...made);
  } catch (error) {
    throw error instanceof WardError ? new StaysLocal('odd-input', error.message) : error;
  }
};

/** Directories that must exist: where the compile starts, where it looks, where it writes. */
const addPlaces = (tree: TreeBuilder, command: InputsCommand, search: SearchPath): void => {
  if (search.frameworks) throw new StaysLocal('preprocessing-failed', 'framework directories');
  const folders = [command.cwd, ...command.outputs.map(({ spelled }) => spelled.slice(0, spelled.lastIndexOf('/')))];
  for (const folder of folders) if (tree.directory(folder) === undefined) throw new StaysLocal('odd-input', folder);
  if (command.pwd !== undefined) tree.directory(command.pwd);
  // clang lists a directory under the first name by which it saw it, so the command's own spellings count too.
  for (const folder of [...command.search.map(({ path }) => path), ...search.quote, ...search.angle, ...search.unused]) {
    // Compilers have something to say of a file in the place of a directory.
    if (tree.directory(folder) === undefined && tree.file(folder) !== undefined) throw new StaysLocal('odd-input', folder);
  }
};
