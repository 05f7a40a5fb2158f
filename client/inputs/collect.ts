/**
 * Finds every file that a compile can read, and makes the tree of it.
 *
 * A tree is always a part of what is really there: files that the compile would not read do no harm, a missing one makes it
 * fail. So whatever may be read is taken, and when that can't be known the command stays local with the reason.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import type { Toolchain } from '../../toolchain/describe.ts';
import { prerequisiteArguments, runCompiler } from './ask-compiler.ts';
import { parseDepfile } from './depfile.ts';
import type { Facts } from './facts.ts';
import { FileCache } from './file-cache.ts';
import { StaysLocal } from './reasons.ts';
import { absolute, SearchPaths, type SearchPath } from './search-path.ts';
import { StageView } from './stage-view.ts';
import { TreeBuilder, type BuiltFile } from './tree-builder.ts';
import type { Inputs, InputsCommand } from './types.ts';

/** What is remembered from one command to the next. One for each agent. */
export class InputsMemory {
  readonly files = new FileCache();
  readonly search = new SearchPaths();
  readonly #stages = new WeakMap<object, StageView>();

  stage(toolchain: Pick<Toolchain, 'entries' | 'includeDirs'>): StageView {
    const known = this.#stages.get(toolchain);
    if (known !== undefined) return known;
    const view = new StageView(toolchain);
    this.#stages.set(toolchain, view);
    return view;
  }
}

export interface CollectOptions {
  readonly memory: InputsMemory;
  readonly signal?: AbortSignal;
}

/**
 * Collects the inputs of a command.
 *
 * @returns the tree, or `reason` when the command must be compiled locally; a command whose source is missing or broken is one
 * of these, because the local compiler says best what is wrong.
 */
export const collectInputs = async (command: InputsCommand, toolchain: Toolchain, options: CollectOptions): Promise<Inputs> => {
  try {
    return await collect(command, toolchain, options);
  } catch (error) {
    if (!(error instanceof StaysLocal)) throw error;
    return { entries: [], blobs: new Map(), bytes: 0, how: 'none', reason: { code: error.code, detail: error.detail } };
  }
};

const collect = async (command: InputsCommand, toolchain: Toolchain, { memory, signal }: CollectOptions): Promise<Inputs> => {
  const tree = new TreeBuilder(memory.files, memory.stage(toolchain));
  const search = await memory.search.get(command, signal);
  addPlaces(tree, command, search);
  const prerequisites = isPreprocessed(command) ? [command.source] : await prerequisitesOf(command, signal);
  const files = prerequisites.map((name) => {
    const path = absolute(name, command.cwd);
    const file = tree.file(path);
    if (file === undefined) throw new StaysLocal('odd-input', path);
    return { path, file };
  });
  for (const path of command.inputs) tree.file(path);
  for (const { path, file } of files) {
    checkObstacles(command, toolchain, file.facts, path);
    addReferences(tree, command, search, path, file);
  }
  refusePrecompiled(command, search, files);
  return { ...tree.finish(), how: 'compiler' };
};

const isPreprocessed = (command: InputsCommand): boolean => command.language.endsWith('cpp-output');

/** Directories that must exist: where the compile starts, where it looks, where it writes. */
const addPlaces = (tree: TreeBuilder, command: InputsCommand, search: SearchPath): void => {
  if (search.frameworks) throw new StaysLocal('preprocessing-failed', 'framework directories');
  const folders = [command.cwd, ...command.outputs.map(({ spelled }) => spelled.slice(0, spelled.lastIndexOf('/')))];
  for (const folder of folders) if (tree.directory(folder) === undefined) throw new StaysLocal('odd-input', folder);
  if (command.pwd !== undefined) tree.directory(command.pwd);
  for (const folder of [...search.quote, ...search.angle, ...search.unused]) tree.directory(folder);
};

const prerequisitesOf = async (command: InputsCommand, signal?: AbortSignal): Promise<string[]> => {
  const { ok, stdout, stderr } = await runCompiler(command, prerequisiteArguments(command), {}, signal);
  const names = ok ? parseDepfile(stdout) : undefined;
  if (names === undefined) throw new StaysLocal('preprocessing-failed', stderr.split('\n').find((line) => /error/.test(line)) ?? command.source);
  return names;
};

/** Adds what the text of an input asks for beyond inclusion, in every place where it might be found. */
const addReferences = (tree: TreeBuilder, command: InputsCommand, search: SearchPath, path: string, file: BuiltFile, seen = new Set<string>()): void => {
  const { asks = [], lines = [] } = file.facts;
  for (const name of lines) addQuoted(tree, absolute(name, command.cwd));
  if (asks.length === 0 || seen.has(file.real)) return;
  seen.add(file.real);
  const embedDirs = command.argv.flatMap((argument) => /^--embed-dir=(.+)$/s.exec(argument)?.[1] ?? []).map((name) => absolute(name, command.cwd));
  const places = [path.slice(0, path.lastIndexOf('/')), command.cwd, ...search.quote, ...search.angle, ...embedDirs];
  for (const { name } of asks) {
    for (const place of name.startsWith('/') ? [''] : places) {
      const asked = `${place === '/' ? '' : place}/${name.replace(/^\/+/, '')}`;
      const found = tree.file(asked);
      // An assembler text may include another one.
      if (found !== undefined) addReferences(tree, command, search, asked, found, seen);
    }
  }
};

/** A file that is only quoted in diagnostics: taken if it may be. */
const addQuoted = (tree: TreeBuilder, path: string): void => {
  try {
    tree.file(path);
  } catch (error) {
    if (!(error instanceof StaysLocal)) throw error;
  }
};

/** clang before 16 does not know SOURCE_DATE_EPOCH; nobody's `__TIMESTAMP__` does. */
const checkObstacles = (command: InputsCommand, toolchain: Toolchain, facts: Facts, path: string): void => {
  for (const obstacle of facts.obstacles ?? []) {
    if (obstacle === 'timestamp') throw new StaysLocal('time-macro', path);
    if (obstacle === 'date-or-time') {
      const fixed = command.env['SOURCE_DATE_EPOCH'] !== undefined && (command.family === 'gcc' || Number.parseInt(toolchain.version, 10) >= 16);
      if (!fixed) throw new StaysLocal('time-macro', path);
    } else throw new StaysLocal(obstacle === 'computed-embed' ? 'computed-has-include' : obstacle, path);
  }
};

/** A compiled header is taken instead of the header wherever it lies first on the search path. */
const refusePrecompiled = (command: InputsCommand, search: SearchPath, files: readonly { path: string; file: BuiltFile }[]): void => {
  const places = [command.cwd, ...search.quote, ...search.angle];
  const endings = ['.gch', '.pch'];
  const candidates = new Set<string>();
  for (const { path } of files) {
    const under = places.filter((place) => path.startsWith(`${place}/`)).map((place) => path.slice(place.length + 1));
    candidates.add(path);
    for (const name of under) for (const place of places) candidates.add(`${place}/${name}`);
  }
  for (const candidate of candidates) {
    for (const ending of endings) if (existsSync(candidate + ending)) throw new StaysLocal('precompiled-header', candidate + ending);
  }
};
