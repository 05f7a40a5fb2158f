/**
 * The environment of a compile: which variables travel with a job, and which keep it local. The server runs a job with
 * nothing but these and what the sandbox sets itself.
 *
 * @module
 */
import type { OptionFinding } from '../types.ts';
import type { Family, SearchChain } from './types.ts';

export interface Variable {
  readonly name: string;
  readonly families: readonly Family[];
  /** `travels` as it is; `search`: travels, and names directories that are searched; `local`: keeps the job here. */
  readonly effect: 'travels' | 'search' | 'local';
  /** Values that may travel. */
  readonly value?: RegExp;
  /** Where the directories of a `search` variable come in. */
  readonly chain?: SearchChain;
}

const both: readonly Family[] = ['gcc', 'clang'];
const printable = /^[^\0\n]{0,65536}$/;

export const variables: readonly Variable[] = [
  { name: 'SOURCE_DATE_EPOCH', families: both, effect: 'travels', value: /^[0-9]{1,15}$/ },
  { name: 'LC_ALL', families: both, effect: 'travels', value: /^C(?:\.UTF-8)?$/ },
  // Only where the client's gcc writes to a terminal: the server lets it believe that it does.
  { name: 'COLUMNS', families: ['gcc'], effect: 'travels', value: /^[1-9][0-9]{0,4}$/ },
  { name: 'GCC_COLORS', families: ['gcc'], effect: 'travels', value: printable },
  { name: 'GCC_URLS', families: ['gcc'], effect: 'travels', value: /^[a-z]*$/ },
  { name: 'TERM_URLS', families: ['gcc'], effect: 'travels', value: /^[a-z]*$/ },
  { name: 'GCC_EXTRA_DIAGNOSTIC_OUTPUT', families: ['gcc'], effect: 'travels', value: /^[a-z0-9-]*$/ },
  { name: 'CPATH', families: both, effect: 'search', value: printable, chain: 'user' },
  { name: 'C_INCLUDE_PATH', families: both, effect: 'search', value: printable, chain: 'system' },
  { name: 'CPLUS_INCLUDE_PATH', families: both, effect: 'search', value: printable, chain: 'system' },
  { name: 'OBJC_INCLUDE_PATH', families: both, effect: 'search', value: printable, chain: 'system' },
  { name: 'OBJCPLUS_INCLUDE_PATH', families: ['clang'], effect: 'search', value: printable, chain: 'system' },

  // where the driver looks for its own programs
  { name: 'COMPILER_PATH', families: both, effect: 'local' },
  { name: 'GCC_EXEC_PREFIX', families: ['gcc'], effect: 'local' },
  // further files that are written
  { name: 'DEPENDENCIES_OUTPUT', families: both, effect: 'local' },
  { name: 'SUNPRO_DEPENDENCIES', families: both, effect: 'local' },
  { name: 'CC_PRINT_OPTIONS', families: ['clang'], effect: 'local' },
  { name: 'CC_PRINT_HEADERS', families: ['clang'], effect: 'local' },
  { name: 'CC_PRINT_PROC_STAT', families: ['clang'], effect: 'local' },
  { name: 'CC_PRINT_INTERNAL_STAT', families: ['clang'], effect: 'local' },
  { name: 'CC_LOG_DIAGNOSTICS', families: ['clang'], effect: 'local' },
  // arguments from outside the command line
  { name: 'CCC_OVERRIDE_OPTIONS', families: ['clang'], effect: 'local' },
  { name: 'CCC_ADD_ARGS', families: ['clang'], effect: 'local' },
  { name: 'QA_OVERRIDE_GCC3_OPTIONS', families: ['clang'], effect: 'local' },
  { name: 'CXX_MODULE_MAPPER', families: ['gcc'], effect: 'local' },
  { name: 'GCC_COMPARE_DEBUG', families: ['gcc'], effect: 'local' },
];

const byName: ReadonlyMap<string, Variable> = new Map(variables.map(variable => [variable.name, variable]));

/** What is known of a variable; undefined when it changes no compile. */
export const variableOf = (name: string): Variable | undefined => byName.get(name);

/** Splits a search variable; an empty element is the working directory. */
export const searchDirectories = (value: string): string[] => value.split(':').map(each => (each === '' ? '.' : each));

/** The server's check: every variable of a job is one that travels, with an admissible value. Attacker-controlled. */
export const checkEnvironment = (env: Readonly<Record<string, string>>): OptionFinding[] =>
  Object.entries(env).flatMap(([name, value]): OptionFinding[] => {
    const variable = byName.get(name);
    const travels = variable !== undefined && variable.effect !== 'local' && variable.value?.test(value) !== false;
    return travels ? [] : [{ code: 'option-refused', option: name,
      message: `The environment variable ${JSON.stringify(name.slice(0, 200))} may not be sent.` }];
  });
