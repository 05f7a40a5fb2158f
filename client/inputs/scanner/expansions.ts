/**
 * Questions that macros ask (`#define H __has_include(<DIR/x.h>)`): between `<` and `>` macros are expanded, so such a question can be
 * about other names than the one that is written there. Every name counts that any definition can lead to, in any file that may be read
 * and on the command line; a definition that is more than a part of a name is not followed.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { matchAt, skipBlank } from '../directives.ts';
import { spliced } from '../facts.ts';
import type { KnownFile } from '../file-cache.ts';
import { StaysLocal } from '../reasons.ts';
import type { BuiltFile } from '../tree-builder.ts';

type Defining = Pick<BuiltFile, 'file' | 'real'>;

/** Macros that take no parameters, by what they stand for. */
type Values = ReadonlyMap<string, readonly string[]>;

/** Definitions of certain macros in texts: a text is searched once for each. */
const searched = new WeakMap<KnownFile, Map<string, string[]>>();
const macroName = /[A-Za-z_$][\w$]*/y;
const keyword = 'define';
const longestMeaning = 1000;
/** It is there, and not followed. */
const unread = '?';

/** What comes behind the name, up to the end of its line. */
const restOfLine = (text: string, at: number): string => {
  const rest = text.slice(at, at + longestMeaning + 1);
  const end = rest.indexOf('\n');
  if (end !== -1) return rest.slice(0, end);
  return rest.length > longestMeaning ? unread : rest;
};

const definitionsIn = ({ file, real }: Defining, macros: ReadonlySet<string>): Values => {
  const known = searched.get(file) ?? new Map<string, string[]>();
  searched.set(file, known);
  const unknown = [...macros].filter((macro) => !known.has(macro));
  if (unknown.length === 0) return known;
  for (const macro of unknown) known.set(macro, []);
  const text = spliced(readFileSync(real, 'latin1'));
  for (let at = text.indexOf(keyword); at !== -1; at = text.indexOf(keyword, at + keyword.length)) {
    const place = skipBlank(text, at + keyword.length);
    // What comes too far behind may be any of them.
    if (place === undefined) for (const each of unknown) known.get(each)?.push(unread);
    const name = place === undefined ? undefined : matchAt(macroName, text, place)?.[0];
    if (place !== undefined && name !== undefined && unknown.includes(name)) known.get(name)?.push(restOfLine(text, place + name.length));
  }
  return known;
};

/** Whether a file defines one of these macros, with any value or none. */
export const definesOne = (opened: Defining, macros: ReadonlySet<string>): boolean => {
  if (macros.size === 0) return false;
  const found = definitionsIn(opened, macros);
  return macros.values().some((macro) => (found.get(macro) ?? []).length > 0);
};

/** What was asked about macros, and where there was an answer. */
export interface Asked {
  /** Macros whose definitions had a say. */
  readonly macros: Set<string>;
  /** Files, by their paths without links, that define some of them. */
  readonly definers: Set<string>;
}

const mostNames = 100;
const oldPredefined = new Set(['linux', 'unix', 'i386']);
/** Any of these can be predefined, by whatever the compiler stands for; not those that glibc has for functions with 64-bit times. */
const reserved = /^_(?!_(?:[a-z\d]+_)*time64$)/;
const partOfName = /^[\w$.+/-]*$/;

const wordsIn = (name: string): string[] => name.match(/[A-Za-z_$][\w$]*/g) ?? [];

const valueOf = (rest: string): string => rest.replace(/\/\*[^]*?\*\/|\/\/.*/g, ' ').trim();

/** What one macro can stand for. */
const valuesOf = (macro: string, visited: readonly BuiltFile[], words: ReadonlySet<string>, defines: readonly string[], asked: Asked): Set<string> => {
  const values = new Set(oldPredefined.has(macro) ? ['1'] : []);
  for (const text of defines) {
    if (text === macro) values.add('1');
    else if (text.startsWith(`${macro}=`)) values.add(text.slice(macro.length + 1).trim());
  }
  for (const file of visited) {
    const found = definitionsIn(file, words).get(macro) ?? [];
    if (found.length > 0) asked.definers.add(file.real);
    // With parameters it is expanded only before a parenthesis.
    for (const rest of found) if (!rest.startsWith('(')) values.add(valueOf(rest));
  }
  return values;
};

/**
 * What these names can be beside what they are.
 *
 * @param defines what `-D` options say
 * @param asked takes what was asked
 * @throws StaysLocal when a definition is not followed
 */
export const expansionsOf = (names: readonly string[], visited: readonly BuiltFile[], defines: readonly string[], asked: Asked): string[] => {
  const all = new Set(names);
  const words = new Set(names.flatMap(wordsIn));
  // The set grows while it is gone through.
  for (const name of all) {
    const own = wordsIn(name);
    // All at once: whenever there are new ones, every text is searched again.
    for (const word of own) words.add(word);
    for (const word of own) {
      asked.macros.add(word);
      const values = reserved.test(word) ? undefined : valuesOf(word, visited, words, defines, asked);
      if (values === undefined || all.size > mostNames) throw new StaysLocal('computed-has-include', word);
      for (const value of values) {
        if (!partOfName.test(value)) throw new StaysLocal('computed-has-include', word);
        all.add(name.replace(/[A-Za-z_$][\w$]*/g, (each) => (each === word ? value : each)));
      }
    }
  }
  return [...all].slice(names.length);
};
