/**
 * Compiler arguments for the log: which options were used stays readable, what was given to them does not.
 *
 * A value becomes `#` and 16 hex digits of HMAC-SHA256 under a key of the keeper's: equal values look equal within one server's log, and
 * whoever has only the log can't try out guesses. Values that the options table knows to be harmless words (`-std=c++17`, `-O2`) stay.
 *
 * @module
 */
import { createHmac } from 'node:crypto';
import { isFileArgument, matchOption, type Family } from '../options/index.ts';

const longestHarmless = 24;
const maxArguments = 4096;

/** The digest that stands for a value. */
export const redactValue = (value: string, key: Buffer): string => `#${createHmac('sha256', key).update(value).digest('hex').slice(0, 16)}`;

/** Attacker-controlled: what the table doesn't know is digested as a whole. `argv[0]` is the compiler and stays out. */
export const redactArguments = (argv: readonly string[], family: Family, key: Buffer): string[] => {
  const redacted: string[] = [];
  for (let index = 1; index < argv.length && redacted.length < maxArguments; index += 1) {
    const argument = argv[index]!;
    const match = isFileArgument(argument) || argument.startsWith('@') ? undefined : matchOption(argv, index, family);
    if (match === undefined || 'unknown' in match) {
      redacted.push(redactValue(argument, key));
      continue;
    }
    const { entry, value, consumed } = match;
    const harmless = value === undefined || (entry.effect.kind === 'plain' && entry.value !== undefined && value.length <= longestHarmless);
    redacted.push(`${entry.spelling}${harmless ? (value ?? '') : redactValue(value, key)}`);
    index += consumed - 1;
  }
  return redacted;
};
