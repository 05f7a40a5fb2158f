/**
 * Compiler options: what wardcc knows about them, and the questions one can ask.
 *
 * @module
 */
export { checkArgv, firstMisfit } from './check.ts';
export { readArguments } from './arguments.ts';
export { isHeader, isLanguage, languageOf, languages } from './languages.ts';
export { longestModuleMap, namesNoModule } from './module-map.ts';
export { isFileArgument, matchOption } from './lookup.ts';
export { deriveOutputs } from './outputs.ts';
export { optionReasons } from './reasons.ts';
export { optionTable } from './table.ts';
export type { ArgvCheck, NamedPath, PathRole } from './check.ts';
export type { Misfit, Reading, ReadOption, SourceArgument } from './arguments.ts';
export type { Language } from './languages.ts';
export type { OptionMatch, UnknownOption } from './lookup.ts';
export type { OutputFile } from './outputs.ts';
export type { OptionReason } from './reasons.ts';
export type { AuxiliaryFile, DependencyPart, Effect, Family, Form, OptionEntry, OutputRole, SearchChain } from './types.ts';
export { checkEnvironment, searchDirectories, variableOf, variables } from './environment.ts';
export type { Variable } from './environment.ts';
export { unknownOptions } from './unknown.ts';
