/**
 * What texts and command lines define, whatever branch it stands in.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { matchAt, skipBlank } from '../directives.ts';
import { spliced } from '../facts.ts';
import type { KnownFile } from '../file-cache.ts';
import type { BuiltFile } from '../tree-builder.ts';

/** Macros that compilers define by themselves, beyond those with a leading underscore. */
export const oldPredefined: ReadonlySet<string> = new Set(['linux', 'unix', 'i386']);

/** What a definition stands for: its text without comments. */
export const valueOf = (text: string): string => text.replace(/\/\*[^]*?\*\/|\/\/.*/g, ' ').trim();

/** A file that may define something. */
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

/** What stands behind the names of these macros wherever a file defines them; `?` for what is too long or too far away to be read. */
export const definitionsIn = ({ file, real }: Defining, macros: ReadonlySet<string>): Values => {
  const known = searched.get(file) ?? new Map<string, string[]>();
  searched.set(file, known);
  const unknown = macros.difference(known);
  if (unknown.size === 0) return known;
  for (const macro of unknown) known.set(macro, []);
  const text = spliced(readFileSync(real, 'latin1'));
  for (let at = text.indexOf(keyword); at !== -1; at = text.indexOf(keyword, at + keyword.length)) {
    const place = skipBlank(text, at + keyword.length);
    // What comes too far behind may be any of them.
    if (place === undefined) for (const each of unknown) known.get(each)?.push(unread);
    const name = place === undefined ? undefined : matchAt(macroName, text, place)?.[0];
    if (place !== undefined && name !== undefined && unknown.has(name)) known.get(name)?.push(restOfLine(text, place + name.length));
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

/** What `-D` options say of some macros. */
export const definitionsOf = (macros: ReadonlySet<string>, defines: readonly string[]): string =>
  macros.size === 0 ? '' : JSON.stringify(defines.filter((text) => macros.has(/^[\w$]*/.exec(text)?.[0] ?? '')));
