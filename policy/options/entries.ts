/**
 * Helpers that keep the data files short: one call writes one entry, or one entry a word.
 *
 * @module
 */
import type { Effect, Family, Form, OptionEntry } from './types.ts';
import type { OptionReason } from './reasons.ts';

export const both: readonly Family[] = ['gcc', 'clang'];
export const gcc: readonly Family[] = ['gcc'];
export const clang: readonly Family[] = ['clang'];

export const plain: Effect = { kind: 'plain' };
export const local = (reason: OptionReason): Effect => ({ kind: 'local', reason });
export const refused = (reason: OptionReason): Effect => ({ kind: 'refused', reason });

/** Names, numbers and lists of them: no slash, so no path; no `=`; no leading `@`. */
export const word = /^(?!@)[A-Za-z0-9_.,:+*%^|@-]*$/;
export const number = /^-?[0-9]+$/;
/** Text that the compiler copies or compares and never opens. */
export const text = /^[^\0\n]*$/;

export const entry = (families: readonly Family[], spelling: string, form: Form, effect: Effect, value?: RegExp): OptionEntry =>
  value === undefined ? { spelling, form, families, effect } : { spelling, form, families, effect, value };

/** One entry for each of several spellings with the same meaning. */
export const entries = (families: readonly Family[], spellings: string, form: Form, effect: Effect, value?: RegExp): OptionEntry[] =>
  words(spellings).map(spelling => entry(families, spelling, form, effect, value));

const words = (list: string): string[] => list.split(/\s+/).filter(each => each !== '');

/**
 * Switches of one letter's family: `name` gives -Lname and -Lno-name; `name=` takes a value; `name?=` exists with and
 * without one. All of them plain: the value is a word, never a path.
 */
export const switches = (families: readonly Family[], prefix: '-f' | '-m' | '-g', list: string): OptionEntry[] =>
  words(list).flatMap(each => {
    const name = each.replace(/\??=$/, '');
    const found: OptionEntry[] = [];
    if (!each.endsWith('=') || each.endsWith('?=')) {
      found.push(entry(families, prefix + name, 'flag', plain));
    }
    if (!name.startsWith('no-')) {
      found.push(entry(families, `${prefix}no-${name}`, 'flag', plain));
    }
    if (each.endsWith('=')) {
      found.push(entry(families, `${prefix}${name}=`, 'joined', plain, word));
    }
    return found;
  });
