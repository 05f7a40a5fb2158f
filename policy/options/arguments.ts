/**
 * Reads a whole command line by the table: one pass, shared by the client (to understand a command) and by the server (to
 * check one). It touches no file.
 *
 * @module
 */
import { isFileArgument, matchOption } from './lookup.ts';
import { pieceReason, readPieces } from './pieces.ts';
import type { OptionReason } from './reasons.ts';
import type { AuxiliaryFile, DependencyPart, Family, OptionEntry, OutputRole, SearchChain } from './types.ts';

/** Why a command does not travel, and which argument says so. */
export interface Misfit {
  readonly reason: OptionReason;
  readonly option: string;
  readonly index: number;
}

export interface SourceArgument {
  readonly path: string;
  readonly index: number;
  /** The -x in force at this place; undefined when the suffix decides. */
  readonly language: string | undefined;
}

/** One option with what it says. */
export interface ReadOption {
  readonly entry: OptionEntry;
  readonly index: number;
  readonly consumed: 1 | 2;
  readonly value: string | undefined;
}

export interface Reading {
  options: ReadOption[];
  sources: SourceArgument[];
  misfits: Misfit[];
  stages: Set<'object' | 'assembly' | 'bitcode'>;
  /** Value of -o. */
  destination: string | undefined;
  dependencies: {
    /** Who is asked for a dependency file: the driver (-MD) or the preprocessor (-Wp,-MD,file). */
    asked: 'driver' | 'preprocessor' | undefined;
    /** Without system headers. */
    user: boolean;
    file: string | undefined;
    phony: boolean;
    targets: { text: string; quoted: boolean }[];
  };
  auxiliary: AuxiliaryFile[];
  /** Further files that are written, by name. */
  outputs: { role: OutputRole; path: string; index: number }[];
  inputs: { path: string; index: number }[];
  includes: { macros: boolean; path: string; index: number }[];
  search: { chain: SearchChain; path: string; index: number }[];
  defines: { undo: boolean; text: string }[];
}

const empty = (): Reading => ({
  options: [], sources: [], misfits: [], stages: new Set(), destination: undefined,
  dependencies: { asked: undefined, user: false, file: undefined, phony: false, targets: [] },
  auxiliary: [], outputs: [], inputs: [], includes: [], search: [], defines: [],
});

/** Reads `argv` (argv[0] is the compiler). Never throws: everything it does not know is a misfit. */
export const readArguments = (argv: readonly string[], family: Family): Reading => {
  const reading = empty();
  argv.forEach((argument, index) => {
    // compilers expand @file wherever it stands, before they look at options
    if (index > 0 && argument.startsWith('@')) {
      reading.misfits.push({ reason: 'response-file', option: argument, index });
    } else if (argument.includes('\0')) {
      reading.misfits.push({ reason: 'option-value', option: argument, index });
    }
  });
  let language: string | undefined;
  for (let index = 1; index < argv.length;) {
    const argument = argv[index] ?? '';
    if (isFileArgument(argument)) {
      if (argument === '-') {
        reading.misfits.push({ reason: 'standard-input', option: argument, index });
      }
      reading.sources.push({ path: argument, index, language });
      index += 1;
    } else {
      const match = matchOption(argv, index, family);
      if ('unknown' in match) {
        reading.misfits.push({ reason: match.unknown, option: argument, index });
        index += 1;
        continue;
      }
      const option = { entry: match.entry, index, consumed: match.consumed, value: match.value };
      reading.options.push(option);
      if (match.entry.effect.kind === 'language') {
        language = match.value === 'none' ? undefined : match.value;
      }
      apply(reading, option, argument, family);
      index += match.consumed;
    }
  }
  return reading;
};

const apply = (reading: Reading, option: ReadOption, argument: string, family: Family): void => {
  const { effect } = option.entry;
  const { index } = option;
  const value = option.value ?? '';
  const misfit = (reason: OptionReason): void => void reading.misfits.push({ reason, option: argument, index });
  switch (effect.kind) {
    case 'plain': case 'language': return;
    case 'local': case 'refused': return misfit(effect.reason);
    case 'stage': return void reading.stages.add(effect.stage);
    case 'input': return void reading.inputs.push({ path: value, index });
    case 'include': return void reading.includes.push({ macros: effect.macros, path: value, index });
    case 'search': return void reading.search.push({ chain: effect.chain, path: value, index });
    case 'define': return void reading.defines.push({ undo: effect.undo, text: value });
    case 'auxiliary': return addAuxiliary(reading, effect.files);
    case 'output':
      if (value === '-' || value === '') {
        return misfit('standard-output');
      }
      return reading.outputs.some(output => output.role === effect.role)
        ? misfit('repeated-output')
        : void reading.outputs.push({ role: effect.role, path: value, index });
    case 'destination':
      if (value === '-' || value === '') {
        return misfit('standard-output');
      }
      if (reading.destination !== undefined) {
        return misfit('repeated-output');
      }
      reading.destination = value;
      return;
    case 'dependencies': return applyDependencies(reading, effect.part, value, misfit);
    case 'pieces': {
      const pieces = readPieces(effect.tool, value, option.consumed === 1, family);
      if (pieces === undefined) {
        return misfit(pieceReason[effect.tool]);
      }
      if (pieces.dependencies !== undefined) {
        const { user, file } = pieces.dependencies;
        if (reading.dependencies.asked !== undefined) {
          return misfit('repeated-output');
        }
        applyDependencies(reading, 'file', file, misfit);
        reading.dependencies.asked = 'preprocessor';
        reading.dependencies.user = user;
      }
      return;
    }
    default: return effect satisfies never;
  }
};

const addAuxiliary = (reading: Reading, files: readonly AuxiliaryFile[]): void => {
  for (const file of files) {
    if (!reading.auxiliary.some(known => known.role === file.role)) {
      reading.auxiliary.push(file);
    }
  }
};

const applyDependencies = (reading: Reading, part: DependencyPart, value: string, misfit: (reason: OptionReason) => void): void => {
  const { dependencies } = reading;
  switch (part) {
    case 'all': case 'user':
      if (dependencies.asked === 'preprocessor' || (dependencies.asked === 'driver' && dependencies.user !== (part === 'user'))) {
        return misfit('repeated-output');
      }
      dependencies.asked = 'driver';
      dependencies.user = part === 'user';
      return;
    case 'file':
      if (value === '-' || value === '') {
        return misfit('standard-output');
      }
      if (dependencies.file !== undefined) {
        return misfit('repeated-output');
      }
      dependencies.file = value;
      return;
    case 'target': case 'quoted-target': return void dependencies.targets.push({ text: value, quoted: part === 'quoted-target' });
    case 'phony': dependencies.phony = true;
  }
};
