/**
 * Finds every file that a compile can read, and makes the tree of it.
 *
 * A tree is always a part of what is really there: files that the compile would not read do no harm, a missing one makes it
 * fail. So whatever may be read is taken, and when that can't be known the command stays local with the reason.
 *
 * @module
 */

import { readingOf } from '../command/reading.ts';
import type { Toolchain } from '../../toolchain/describe.ts';
import { prerequisiteArguments, runCompiler } from './ask-compiler.ts';
import { staysLocal } from './collected.ts';
import { Collection } from './collection.ts';
import { monotonicMs } from './file-table.ts';
import { keyOf, scanKeyOf } from './manifests.ts';
import { parseDepfile } from './depfile.ts';
import { addQuotedFiles, addReferences, addPrecompiled, checkObstacles } from './references.ts';
import type { InputsMemory } from './memory.ts';
import { StaysLocal } from './reasons.ts';
import { AskCompiler } from './scanner/ask.ts';
import type { ScanRoots } from './scanner/scan.ts';
import { absolute, type SearchPath } from './search-path.ts';
import type { Inputs, InputsCommand } from './types.ts';

export { InputsMemory } from './memory.ts';

export interface CollectOptions {
  readonly memory: InputsMemory;
  /** When the command began, on the monotonic clock in ms: looks at files before that do not count. Default: now. */
  readonly since?: number;
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
  const { memory, signal, method = 'scanner', since = monotonicMs() } = options;
  memory.trim();
  try {
    const search = await memory.search.get(command, toolchain.digest, since);
    const task: Task = { command, toolchain, search, memory, since, roots: rootsOf(command) };
    const scanKey = scanKeyOf(command, toolchain, task.roots);
    const { defines } = task.roots;
    const scannedBefore = memory.manifests.find(scanKey, search, since, defines);
    if (scannedBefore !== undefined) return scannedBefore;
    const key = keyOf(command, toolchain);
    const known = memory.manifests.find(key, search, since, defines);
    if (known !== undefined) return known;
    if (isPreprocessed(command)) return takeSource(task, scanKey);
    const scanned = method === 'scanner' ? scan(task, scanKey) : undefined;
    return scanned ?? (await ask(task, key, signal));
  } catch (error) {
    if (!(error instanceof StaysLocal)) throw error;
    return staysLocal(error);
  }
};

interface Task {
  readonly command: InputsCommand;
  readonly toolchain: Toolchain;
  readonly search: SearchPath;
  readonly memory: InputsMemory;
  readonly since: number;
  readonly roots: ScanRoots;
}

const begin = ({ command, toolchain, search, memory, since }: Task): Collection => new Collection(command, toolchain, search, memory, since);

/** The tree as the scanner finds it; undefined when the compiler has to be asked. */
const scan = (task: Task, scanKey: string): Inputs | undefined => {
  const { command, toolchain, search, memory, roots } = task;
  const job = begin(task);
  try {
    const found = memory.scanner(search).scan(job.tree, roots, task.since);
    const { visited } = found;
    if (found.absolute) job.stay();
    for (const { place, file } of visited.values()) {
      checkObstacles(command, toolchain, file.facts, place);
      addQuotedFiles(job.tree, command, file.facts);
      job.consider(file.facts);
    }
    return job.finish(scanKey, found, roots.defines, 'scanner');
  } catch (error) {
    if (error instanceof AskCompiler || error instanceof StaysLocal) return undefined;
    throw error;
  }
};

/** Preprocessed text includes nothing; it may name files for the assembler. */
const takeSource = (task: Task, scanKey: string): Inputs => {
  const { command, toolchain, search, roots } = task;
  const job = begin(task);
  const opened = job.open(command.source);
  checkObstacles(command, toolchain, opened.file.facts, opened.place);
  addReferences(job.tree, command, search, [], opened);
  job.consider(opened.file.facts);
  return job.finish(scanKey, { consulted: new Map(), asked: { macros: new Set(), definers: new Set() } }, roots.defines, 'scanner');
};

/** The tree as the compiler tells it with `-M`, and what only texts tell. */
const ask = async (task: Task, key: string, signal?: AbortSignal): Promise<Inputs> => {
  const { command, toolchain, search, memory, roots } = task;
  const listed = memory.listings.find(command, toolchain, begin(task).tree, task.since);
  if (listed === undefined) memory.asked += 1;
  const prerequisites = listed ?? (await prerequisitesOf(command, signal));
  // What the compiler saw is what is there after it looked.
  const since = listed === undefined ? monotonicMs() : task.since;
  const job = begin({ ...task, since });
  const { tree } = job;
  job.stay();
  const files = prerequisites.map((name) => job.open(absolute(name, command.cwd)));
  for (const opened of files) {
    addPrecompiled(tree, opened);
    checkObstacles(command, toolchain, opened.file.facts, opened.place);
    addReferences(tree, command, search, roots.embedDirs, opened);
  }
  try {
    const found = memory.scanner(search).complete(tree, roots, files, since);
    memory.listings.keep(command, toolchain, prerequisites, files, found.consulted);
    return job.finish(key, found, roots.defines, 'compiler');
  } catch (error) {
    throw error instanceof AskCompiler ? new StaysLocal('preprocessing-failed', error.message) : error;
  }
};

const rootsOf = (command: InputsCommand): ScanRoots => {
  const { includes, defines } = readingOf(command);
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

const prerequisitesOf = async (command: InputsCommand, signal?: AbortSignal): Promise<string[]> => {
  const { ok, stdout, stderr } = await runCompiler(command, prerequisiteArguments(command), {}, signal);
  const names = ok ? parseDepfile(stdout) : undefined;
  if (names !== undefined) return names;
  throw new StaysLocal('preprocessing-failed', stderr.split('\n').find((line) => /error/.test(line)) ?? command.source);
};
