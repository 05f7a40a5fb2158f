/**
 * Finds the entry of an argument. The longest spelling that fits wins, as in gcc and clang; there is no guessing: an
 * abbreviation, a value outside its pattern or a spelling that is not in the table is unknown.
 *
 * Arguments are attacker-controlled on the server.
 *
 * @module
 */
import { optionIndex, spellingLengths } from './table.ts';
import type { Family, OptionEntry } from './types.ts';
import type { OptionReason } from './reasons.ts';

export interface OptionMatch {
  readonly entry: OptionEntry;
  /** Absent for flags. */
  readonly value?: string;
  /** How many arguments the option takes, itself included. */
  readonly consumed: 1 | 2;
}

export interface UnknownOption {
  readonly unknown: OptionReason;
}

/** True when `argument` stands for a file (or, for `-`, standard input) rather than an option. */
export const isFileArgument = (argument: string): boolean => !argument.startsWith('-') || argument === '-';

/**
 * Matches the option at `argv[index]`. Call it for options only (see `isFileArgument`); `@file` must be expanded before.
 */
export const matchOption = (argv: readonly string[], index: number, family: Family): OptionMatch | UnknownOption => {
  const argument = argv[index] ?? '';
  const table = optionIndex[family];
  for (const length of spellingLengths[family].get(argument.slice(0, 2)) ?? []) {
    const entry = length > argument.length ? undefined : table.get(argument.slice(0, length));
    if (entry === undefined) {
      continue;
    }
    const rest = argument.slice(length);
    if (entry.form === 'flag') {
      if (rest === '') {
        return { entry, consumed: 1 };
      }
      continue;
    }
    if (entry.form === 'joined' || (entry.form === 'either' && rest !== '')) {
      return withValue(entry, rest, 1);
    }
    if (rest === '') {
      const next = argv[index + 1];
      return next === undefined ? { unknown: 'option-incomplete' } : withValue(entry, next, 2);
    }
  }
  return { unknown: 'unknown-option' };
};

const withValue = (entry: OptionEntry, value: string, consumed: 1 | 2): OptionMatch | UnknownOption =>
  entry.value !== undefined && !entry.value.test(value) ? { unknown: 'option-value' } : { entry, value, consumed };
