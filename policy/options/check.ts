/**
 * The server's check of a command line: exactly one file to one object or assembly file, every option in the table, none
 * that may not be sent. The paths it names come back with their roles, for the caller to check against the job's tree and
 * declared outputs.
 *
 * `argv` is attacker-controlled.
 *
 * @module
 */
import { readArguments } from './arguments.ts';
import { isHeader, languageOf } from './languages.ts';
import { deriveOutputs } from './outputs.ts';
import { optionReasons } from './reasons.ts';
import type { Misfit, Reading } from './arguments.ts';
import type { OptionReason } from './reasons.ts';
import type { Family, OutputRole, SearchChain } from './types.ts';

export type PathRole = 'source' | 'include' | 'macros' | 'input' | 'search' | 'output';

/** A path that the command names or implies, as it is spelled there. */
export interface NamedPath {
  readonly role: PathRole;
  readonly path: string;
  /** Which file an output is; which chain a search directory joins. */
  readonly detail?: OutputRole | SearchChain;
}

/** `sentence` is for a person; `option` and `index` say which argument it is about. */
export interface ArgvRefusal extends Misfit {
  readonly ok: false;
  readonly code: 'option-refused';
  readonly sentence: string;
}

export type ArgvCheck = { readonly ok: true; readonly paths: readonly NamedPath[] } | ArgvRefusal;

/** How much of an argument a refusal repeats. */
const longestQuote = 200;

/** Checks a whole command (argv[0] is the compiler, response files already expanded). */
export const checkArgv = (argv: readonly string[], family: Family): ArgvCheck => {
  const reading = readArguments(argv, family);
  const misfit = firstMisfit(reading, argv, family);
  if (misfit !== undefined) {
    const sentence = `${optionReasons[misfit.reason]} The argument is ${JSON.stringify(misfit.option.slice(0, longestQuote))}.`;
    return { ok: false, code: 'option-refused', ...misfit, sentence };
  }
  return { ok: true, paths: namedPaths(reading, family) };
};

/** The first thing that keeps a command from travelling; undefined when nothing does. */
export const firstMisfit = (reading: Reading, argv: readonly string[], family: Family): Misfit | undefined => {
  const [misfit] = reading.misfits;
  if (misfit !== undefined) {
    return misfit;
  }
  const at = (reason: OptionReason, index: number): Misfit => ({ reason, option: argv[index] ?? '', index });
  if (!reading.stages.has('object') && !reading.stages.has('assembly')) {
    return at('whole-program', 0);
  }
  if (reading.stages.has('object') && reading.stages.has('assembly')) {
    return at('several-stages', 0);
  }
  const [source, second] = reading.sources;
  if (source === undefined || source.path === '') {
    return at('source-absent', source?.index ?? 0);
  }
  if (second !== undefined) {
    return at('several-sources', second.index);
  }
  const language = languageOf(source.path, source.language, 'c');
  if (language === undefined) {
    return at('language', source.index);
  }
  if (isHeader(language)) {
    // clang's name the times of the headers in them, which are those of one machine
    const isPlain = family === 'gcc' && !reading.stages.has('assembly') && reading.auxiliary.length === 0 && reading.outputs.length === 0;
    return isPlain ? undefined : at('precompiled-header', source.index);
  }
  // assembler sources are only preprocessed by -S, to standard output
  return language === 'assembler-with-cpp' && reading.stages.has('assembly') ? at('preprocess-only', source.index) : undefined;
};

const namedPaths = (reading: Reading, family: Family): NamedPath[] => [
  ...reading.sources.map(({ path }): NamedPath => ({ role: 'source', path })),
  ...reading.includes.map(({ macros, path }): NamedPath => ({ role: macros ? 'macros' : 'include', path })),
  ...reading.inputs.map(({ path }): NamedPath => ({ role: 'input', path })),
  ...reading.search.map(({ chain, path }): NamedPath => ({ role: 'search', path, detail: chain })),
  ...deriveOutputs(reading, family).map(({ role, path }): NamedPath => ({ role: 'output', path, detail: role })),
];
