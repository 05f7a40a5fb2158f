/**
 * What a fuzz target is: seeds, words, and a function that must never fail in an unexpected way.
 *
 * @module
 */
import { WardError, type ErrorCode } from '../../protocol/errors.ts';

export interface Target {
  readonly name: string;
  /** Valid inputs. */
  readonly seeds: () => readonly Buffer[] | Promise<readonly Buffer[]>;
  readonly words?: readonly (string | Buffer)[];
  /** Longest input; 4 KiB unless it says otherwise. */
  readonly maxBytes?: number;
  /**
   * Parses the input and checks what must hold. Returns a few words about what came of it: an input with new words is kept, since it
   * got somewhere new. Throws only when something is wrong.
   */
  readonly run: (input: Buffer) => string | Promise<string>;
}

/** The code and kind of a refusal that is as it should be; anything else is thrown on. */
export const refusal = (thrown: unknown, ...codes: readonly ErrorCode[]): string => {
  if (!(thrown instanceof WardError)) throw thrown;
  if (!codes.includes(thrown.code)) throw new Error(
    `the code ${thrown.code} is not one of this parser's (${thrown.message})`, { cause: thrown },
  );
  return `${thrown.code}: ${shape(thrown.message)}`;
};

/** A sentence without what differs from input to input. */
export const shape = (sentence: string): string => sentence.replaceAll(/"(?:[^"\\]|\\.)*"|'[^']*'|[0-9a-f]{16,}|\d+/g, '_').slice(0, 160);

/** Runs a parser: what it made, or its refusal. */
export const attempt = <T>(parse: () => T, made: (value: T) => string, ...codes: readonly ErrorCode[]): string => {
  let value: T;
  try {
    value = parse();
  } catch (thrown) {
    return refusal(thrown, ...codes);
  }
  return made(value);
};

export const must = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(what);
};

/** How many, roughly. */
export const some = (count: number): string => (count < 3 ? String(count) : count < 10 ? 'few' : count < 100 ? 'many' : 'very many');
