/**
 * Finds every file that a compile can read, and makes the tree of it.
 *
 * A tree is always a part of what is really there: files that the compile would not read do no harm, a missing one makes it
 * fail. So whatever may be read is taken, and when that can't be known the command stays local with the reason.
 *
 * @module
 */

import { WardError } from '../../protocol/errors.ts';
import type { TreeEntry } from '../../protocol/tree.ts';
import { readArguments } from '../../policy/options/index.ts';
import type { Toolchain } from '../../toolchain/describe.ts';
import { prerequisiteArguments, runCompiler } from './ask-compiler.ts';
import { CollectedInputs, staysLocal } from './collected.ts';
import { parseDepfile } from './depfile.ts';
import type { FileStates } from './file-state.ts';
import { addQuotedFiles, addReferences, checkObstacles, refusePrecompiled } from './references.ts';
import type { InputsMemory } from './memory.ts';
import { StaysLocal } from './reasons.ts';
import { AskCompiler } from './scanner/ask.ts';
import type { Scan, ScanRoots } from './scanner/scan.ts';
import { absolute, type SearchPath } from './search-path.ts';
import { TreeBuilder, type BuiltFile } from './tree-builder.ts';
import type { Inputs, InputsCommand } from './types.ts';

export { InputsMemory } from './memory.ts';

export interface CollectOptions {
  readonly memory: InputsMemory;
  readonly signal?: AbortSignal;
  /** `compiler` never scans. Default: the scanner, and the compiler where the scanner can't be sure. */
  readonly method?: 'scanner' | 'compiler';
}

/**
 * Collects the inputs of a command.
 *
 * @returns the tree, or `reason` when the command must be compiled locally; a command whose source is missing or broken is one
 * of these, because the local compiler says best what is wrong.
 */
export const collectInputs = async (command: InputsCommand, toolchain: Toolchain, options: CollectOptions): Promise<Inputs> => {
  const { memory, signal, method = 'scanner' } = options;
  try {
    const search = await memory.search.get(command, signal);
    const known = memory.manifests.find(command, toolchain, search, memory.nextJob());
    if (known !== undefined) return known;
    return (method === 'scanner' ? scan(command, toolchain, search, memory) : undefined) ?? (await ask(command, toolchain, search, options));
  } catch (error) {
    if (!(error instanceof StaysLocal)) throw error;
    return staysLocal(error);
  }
};

/** The tree as the scanner finds it; undefined when the compiler has to be asked. */
const scan = (command: InputsCommand, toolchain: Toolchain, search: SearchPath, memory: InputsMemory): Inputs | undefined => {
  const job = new Collection(command, toolchain, search, memory);
  try {
    const { visited, consulted } = isPreprocessed(command) ? job.sourceAlone() : memory.scanner(search).scan(job.tree, rootsOf(command), memory.nextJob());
    for (const { place, file } of visited.values()) {
      checkObstacles(command, toolchain, file.facts, place);
      addQuotedFiles(job.tree, command, file.facts);
    }
    return job.finish(consulted, 'scanner');
  } catch (error) {
    if (error instanceof AskCompiler || error instanceof StaysLocal) return undefined;
    throw error;
  }
};

/** The tree as the compiler tells it with `-M`, and what only texts tell. */
const ask = async (command: InputsCommand, toolchain: Toolchain, search: SearchPath, { memory, signal }: CollectOptions): Promise<Inputs> => {
  const prerequisites = isPreprocessed(command) ? [command.source] : await prerequisitesOf(command, signal);
  const job = new Collection(command, toolchain, search, memory);
  const { tree } = job;
  const files = prerequisites.map((name) => job.open(absolute(name, command.cwd)));
  const roots = rootsOf(command);
  for (const opened of files) {
    refusePrecompiled(opened);
    checkObstacles(command, toolchain, opened.file.facts, opened.place);
    addReferences(tree, command, search, roots.embedDirs, opened);
  }
  try {
    const { consulted } = memory.scanner(search).complete(tree, roots, files, memory.nextJob());
    return job.finish(consulted, 'compiler');
  } catch (error) {
    throw error instanceof AskCompiler ? new StaysLocal('preprocessing-failed', error.message) : error;
  }
};

/** A tree in the making, with all that has to be in it whatever the source says. */
class Collection {
  readonly tree: TreeBuilder;
  readonly #command: InputsCommand;
  readonly #toolchain: Toolchain;
  readonly #search: SearchPath;
  readonly #memory: InputsMemory;
  readonly #states: FileStates;

  constructor(command: InputsCommand, toolchain: Toolchain, search: SearchPath, memory: InputsMemory) {
    this.#command = command;
    this.#toolchain = toolchain;
    this.#search = search;
    this.#memory = memory;
    this.#states = memory.states(search);
    this.tree = new TreeBuilder(memory.files, memory.stage(toolchain), this.#states);
  }

  open(path: string): BuiltFile {
    const opened = this.tree.file(path);
    if (opened === undefined) throw new StaysLocal('odd-input', path);
    return opened;
  }

  sourceAlone(): Scan {
    return { visited: new Map([[this.#command.source, this.open(this.#command.source)]]), consulted: new Map() };
  }

  finish(consulted: Scan['consulted'], how: 'scanner' | 'compiler'): Inputs {
    addPlaces(this.tree, this.#command, this.#search);
    for (const path of this.#command.inputs) this.tree.file(path);
    const { entries, bytes } = this.tree.finish();
    const inputs = encoded(entries, bytes, how);
    const { sighting } = this.#states;
    this.#memory.expect(this.#search, sighting.paths);
    if (this.tree.settled) this.#memory.manifests.keep(this.#command, this.#toolchain, this.#search, sighting, consulted, inputs);
    return inputs;
  }
}

/** Trees have limits; a command that passes them is compiled here. */
const encoded = (entries: readonly TreeEntry[], bytes: number, how: 'scanner' | 'compiler'): CollectedInputs => {
  try {
    return CollectedInputs.from(entries, bytes, how);
  } catch (error) {
    throw error instanceof WardError ? new StaysLocal('odd-input', error.message) : error;
  }
};

const rootsOf = (command: InputsCommand): ScanRoots => {
  const { includes, defines } = readArguments(command.argv, command.family);
  return {
    source: command.source,
    forced: includes.map(({ path }) => path),
    cwd: command.cwd,
    embedDirs: embedDirs(command),
    implicit: ['stdc-predef.h'],
    defines: defines.filter(({ undo }) => !undo).map(({ text }) => text),
  };
};

const embedDirs = (command: InputsCommand): string[] =>
  command.argv.flatMap((argument) => /^--embed-dir=(.+)$/s.exec(argument)?.[1] ?? []).map((name) => absolute(name, command.cwd));

const isPreprocessed = (command: InputsCommand): boolean => command.language.endsWith('cpp-output');

/** Directories that must exist: where the compile starts, where it looks, where it writes. */
const addPlaces = (tree: TreeBuilder, command: InputsCommand, search: SearchPath): void => {
  if (search.frameworks) throw new StaysLocal('preprocessing-failed', 'framework directories');
  const folders = [command.cwd, ...command.outputs.map(({ spelled }) => spelled.slice(0, spelled.lastIndexOf('/')))];
  for (const folder of folders) if (tree.directory(folder) === undefined) throw new StaysLocal('odd-input', folder);
  if (command.pwd !== undefined) tree.directory(command.pwd);
  // clang lists a directory under the first name by which it saw it, so the command's own spellings count too.
  for (const { path } of command.search) tree.directory(path);
  for (const folder of [...search.quote, ...search.angle, ...search.unused]) tree.directory(folder);
};

const prerequisitesOf = async (command: InputsCommand, signal?: AbortSignal): Promise<string[]> => {
  const { ok, stdout, stderr } = await runCompiler(command, prerequisiteArguments(command), {}, signal);
  const names = ok ? parseDepfile(stdout) : undefined;
  if (names === undefined) throw new StaysLocal('preprocessing-failed', stderr.split('\n').find((line) => /error/.test(line)) ?? command.source);
  return names;
};
