/**
 * What texts ask for beyond inclusion, and what in them keeps a command local.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import type { Toolchain } from '../../toolchain/describe.ts';
import type { Facts } from './facts.ts';
import { StaysLocal } from './reasons.ts';
import { absolute, type SearchPath } from './search-path.ts';
import { precompiledEndings, type BuiltFile, type TreeBuilder } from './tree-builder.ts';
import type { InputsCommand } from './types.ts';

/** Adds what the text of an input asks for, in every place where it might be found. */
export const addReferences = (
  tree: TreeBuilder, command: InputsCommand, search: SearchPath, embedDirs: readonly string[], opened: BuiltFile, seen = new Set<string>(),
): void => {
  addQuotedFiles(tree, command, opened.file.facts);
  const { asks = [] } = opened.file.facts;
  if (asks.length === 0 || seen.has(opened.place)) return;
  seen.add(opened.place);
  const places = [opened.place.slice(0, opened.place.lastIndexOf('/')), command.cwd, ...search.quote, ...search.angle, ...embedDirs];
  for (const { name } of asks) {
    for (const place of name.startsWith('/') ? [''] : places) {
      const found = tree.file(`${place === '/' ? '' : place}/${name.replace(/^\/+/, '')}`);
      // An assembler text may include another one.
      if (found !== undefined) addReferences(tree, command, search, embedDirs, found, seen);
    }
  }
};

/** Files that are only quoted in diagnostics: taken if they may be. */
export const addQuotedFiles = (tree: TreeBuilder, command: InputsCommand, facts: Facts): void => {
  for (const name of facts.lines ?? []) {
    try {
      tree.file(absolute(name, command.cwd));
    } catch (error) {
      if (!(error instanceof StaysLocal)) throw error;
    }
  }
};

/** Whether texts that import or declare modules mean that. */
export const enablesModules = ({ argv }: Pick<InputsCommand, 'argv'>): boolean => argv.some((argument) => /^-fmodule(?:s-ts$|-mapper=)/.test(argument));

/**
 * @throws StaysLocal when the text of a file can't travel. SOURCE_DATE_EPOCH fixes date and time for gcc, and for clang since
 * 16; nothing fixes `__TIMESTAMP__`.
 */
export const checkObstacles = (command: InputsCommand, toolchain: Toolchain, facts: Facts, path: string): void => {
  for (const obstacle of facts.obstacles ?? []) {
    if (obstacle === 'module' && !enablesModules(command)) continue;
    // clang quotes the text that it read.
    if (obstacle === 'computed-line' && command.family !== 'gcc') continue;
    if (obstacle === 'timestamp') throw new StaysLocal('time-macro', path);
    if (obstacle === 'date-or-time') {
      const understood = command.family === 'gcc' || Number.parseInt(toolchain.version, 10) >= 16;
      if (!understood || command.env['SOURCE_DATE_EPOCH'] === undefined) throw new StaysLocal('time-macro', path);
    } else throw new StaysLocal(obstacle === 'computed-embed' ? 'computed-has-include' : obstacle, path);
  }
};

/** A compiled header is taken instead of the header beside it. */
export const addPrecompiled = (tree: TreeBuilder, { place }: BuiltFile): void => {
  for (const ending of precompiledEndings) if (existsSync(place + ending)) tree.precompiled(place + ending);
};
