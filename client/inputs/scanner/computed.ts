/**
 * `#include MACRO`: which headers it can mean. Every definition of the macro in any file that may be read, and on the command
 * line, counts; if all of them are plain header names, or names of other such macros, all these headers are followed. A
 * definition of any other kind only the compiler can expand.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { signs, skipBlank } from '../directives.ts';
import { spliced, type Mention } from '../facts.ts';
import type { KnownFile } from '../file-cache.ts';
import type { BuiltFile } from '../tree-builder.ts';
import { AskCompiler } from './ask.ts';
import { oldPredefined, valueOf, type Asked } from './definitions.ts';

type Definition = { readonly header: Mention } | { readonly macro: string } | 'other';

const deepest = 20;
/** A longer definition is for the compiler to understand. */
const longestMeaning = 10_000;

const meaningOf = (text: string): Definition | undefined => {
  if (text.length > longestMeaning) return 'other';
  const value = valueOf(text);
  if (value === '') return undefined;
  const quoted = /^"([^"]+)"$/.exec(value)?.[1];
  const angled = /^<([^>]+)>$/.exec(value)?.[1];
  const name = quoted ?? angled;
  if (name !== undefined) return { header: { name: Buffer.from(name, 'latin1').toString('utf8'), quoted: quoted !== undefined } };
  return /^[A-Za-z_$][\w$]*$/.test(value) ? { macro: value } : 'other';
};

/** What real directives of a text say, by macro: stricter than `definitionsIn`, for which every mention counts. Searched once for each. */
const searched = new WeakMap<KnownFile, Map<string, Definition[]>>();

const meaningsIn = ({ file, real }: Pick<BuiltFile, 'file' | 'real'>, macro: string): Definition[] => {
  let known = searched.get(file);
  if (known === undefined) searched.set(file, (known = new Map()));
  const found = known.get(macro);
  if (found !== undefined) return found;
  const definitions = findDefinitions(spliced(readFileSync(real, 'latin1')), macro);
  known.set(macro, definitions);
  return definitions;
};

const findDefinitions = (text: string, macro: string): Definition[] => {
  // Most texts do not have the name at all, and that is found out fast.
  if (!text.includes(macro)) return [];
  const found: Definition[] = [];
  for (const sign of signs) {
    for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) {
      const definition = definitionAt(text, at + sign.length, macro);
      if (definition !== undefined) found.push(definition);
    }
  }
  return found;
};

/** What a directive says of the macro, if it defines it. */
const definitionAt = (text: string, after: number, macro: string): Definition | undefined => {
  const begin = skipBlank(text, after);
  if (begin === undefined) return 'other';
  if (!text.startsWith('define', begin)) return undefined;
  const name = skipBlank(text, begin + 'define'.length);
  if (name === undefined) return 'other';
  const end = name + macro.length;
  if (name === begin + 'define'.length || !text.startsWith(macro, name) || /[\w$]/.test(text.charAt(end))) return undefined;
  const line = text.indexOf('\n', end);
  const rest = text.slice(end, Math.min(line === -1 ? text.length : line, end + longestMeaning + 1));
  return rest.startsWith('(') ? 'other' : meaningOf(rest);
};

const definitionsOnCommandLine = (defines: readonly string[], macro: string): Definition[] =>
  defines.flatMap((text) => {
    if (text.startsWith(`${macro}(`)) return ['other' as const];
    return text.startsWith(`${macro}=`) ? meaningOf(Buffer.from(text.slice(macro.length + 1)).toString('latin1')) ?? [] : [];
  });

/**
 * The headers that `#include MACRO` can mean, as far as the files visited so far tell.
 *
 * @param defines what `-D` options say
 * @param asked takes what was asked
 * @throws AskCompiler when a definition has to be expanded
 */
export const headersOf = (macro: string, visited: Iterable<BuiltFile>, defines: readonly string[], asked: Asked): Mention[] => {
  const files = [...visited];
  const headers: Mention[] = [];
  const seen = new Set<string>();
  const look = (name: string, depth: number): void => {
    if (seen.has(name)) return;
    seen.add(name);
    asked.macros.add(name);
    if (name === '?' || depth > deepest) throw new AskCompiler(`#include ${name}`);
    const definitions = definitionsOnCommandLine(defines, name);
    for (const file of files) {
      const found = meaningsIn(file, name);
      if (found.length > 0) asked.definers.add(file.real);
      definitions.push(...found);
    }
    if (definitions.length === 0 && (name.startsWith('_') || oldPredefined.has(name))) throw new AskCompiler(`#include ${name}`);
    for (const definition of definitions) {
      if (definition === 'other') throw new AskCompiler(`#include ${name}`);
      if ('header' in definition) headers.push(definition.header);
      else look(definition.macro, depth + 1);
    }
  };
  look(macro, 0);
  return headers;
};
