/**
 * The compiler options that wardcc knows: one data table for gcc and clang, used by the client to decide and by the server
 * to enforce. What is not in it is compiled locally by the client and refused by the server.
 *
 * Always holds: when two entries spell an option alike, the one that restricts it comes first and is the one that counts.
 *
 * @module
 */
import { code } from './table/code.ts';
import { driver } from './table/driver.ts';
import { language } from './table/language.ts';
import { linking } from './table/linking.ts';
import { observe } from './table/observe.ts';
import { preprocessor } from './table/preprocessor.ts';
import { target } from './table/target.ts';
import type { Family, OptionEntry } from './types.ts';

/** Every entry; those that name files or restrict come before the lists of plain switches. */
export const optionTable: readonly OptionEntry[] = [...driver, ...preprocessor, ...linking, ...observe, ...language, ...code, ...target];

const index = (family: Family): ReadonlyMap<string, OptionEntry> => {
  const found = new Map<string, OptionEntry>();
  for (const entry of optionTable) {
    if (entry.families.includes(family) && !found.has(entry.spelling)) {
      found.set(entry.spelling, entry);
    }
  }
  return found;
};

/** The entries of one family by spelling. */
export const optionIndex: Readonly<Record<Family, ReadonlyMap<string, OptionEntry>>> = { gcc: index('gcc'), clang: index('clang') };

const lengths = (family: Family): ReadonlyMap<string, readonly number[]> => {
  const found = new Map<string, Set<number>>();
  for (const spelling of optionIndex[family].keys()) {
    const start = spelling.slice(0, 2);
    found.set(start, (found.get(start) ?? new Set()).add(spelling.length));
  }
  return new Map([...found].map(([start, set]) => [start, [...set].sort((a, b) => b - a)]));
};

/** By the first two characters: which lengths spellings have, longest first. */
export const spellingLengths: Readonly<Record<Family, ReadonlyMap<string, readonly number[]>>> = { gcc: lengths('gcc'),
  clang: lengths('clang') };
