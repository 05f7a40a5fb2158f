/**
 * Questions that macros ask (`#define H __has_include(<DIR/x.h>)`): between `<` and `>` macros are expanded, so such a question can be
 * about other names than the one that is written there. Every name counts that any definition can lead to, in any file that may be read
 * and on the command line; a definition that is more than a part of a name is not followed.
 *
 * @module
 */

import { wordsIn } from '../questions.ts';
import { StaysLocal } from '../reasons.ts';
import type { BuiltFile } from '../tree-builder.ts';
import { definitionsIn, oldPredefined, valueOf, type Asked } from './definitions.ts';

const mostNames = 100;
/** Any of these can be predefined, by whatever the compiler stands for; not those that glibc has for functions with 64-bit times. */
const reserved = /^_(?!_(?:[a-z\d]+_)*time64$)/;
const partOfName = /^[\w$.+/-]*$/;

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
