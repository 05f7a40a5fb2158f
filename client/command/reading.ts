/**
 * What the arguments of a command say by the options table, read once a command.
 *
 * @module
 */
import { readArguments, type Reading } from '../../policy/options/index.ts';
import type { CompileCommand } from './types.ts';

const readings = new WeakMap<readonly string[], Reading>();

export const readingOf = ({ argv, family }: Pick<CompileCommand, 'argv' | 'family'>): Reading => {
  let reading = readings.get(argv);
  if (reading === undefined) readings.set(argv, (reading = readArguments(argv, family)));
  return reading;
};
