/**
 * What a compiler says it can do, held against the table: the options that wardcc does not know. A command with one of these
 * is compiled locally and refused by servers, so the list shows what a new compiler version would lose.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { matchOption } from './lookup.ts';
import { optionIndex } from './table.ts';
import type { Family } from './types.ts';

/** Classes of gcc's --help that concern C, C++ and Objective-C. */
const gccQuestions = ['', 'common', 'optimizers', 'warnings', 'target', 'params', 'c', 'c++', 'objc', 'objc++',
  'common,undocumented', 'c,undocumented', 'c++,undocumented', 'target,undocumented', 'optimizers,undocumented']
  .map(each => (each === '' ? '--help' : `--help=${each}`));
const clangQuestions = ['--help', '--help-hidden'];

/**
 * Spellings that the compiler lists and the table does not know, sorted.
 *
 * @param compiler name or path of gcc, g++, clang or clang++
 * @throws Error when the compiler cannot be run
 */
export const unknownOptions = async (compiler: string): Promise<string[]> => {
  const family: Family = /\bclang version \d/.test(await answer(compiler, '--version')) ? 'clang' : 'gcc';
  const questions = family === 'clang' ? clangQuestions : gccQuestions;
  const spellings = new Set<string>();
  for (const question of questions) {
    listedOptions(await answer(compiler, question)).forEach(each => spellings.add(each));
  }
  return [...spellings].filter(each => !isKnown(each, family)).sort();
};

const placeholder = /(?:[<[(]|=[a-z][a-z0-9-]*$|=[0-9,]+$).*$/i;

/**
 * The options at the start of the lines of a help text. Placeholders for values are cut off: `-std=<standard>` is `-std=`,
 * and `-fcompare-debug[=<opts>]` is `-fcompare-debug`.
 */
export const listedOptions = (help: string): string[] =>
  help.split('\n').flatMap(line => {
    const found = /^ {1,4}(-[^\s,]+)/.exec(line)?.[1]?.replace(placeholder, match => (match.startsWith('=') ? '=' : ''));
    return found === undefined || found === '-' || found === '--' ? [] : [found];
  });

/** A spelling that wants a value is known when some value of it is. */
const isKnown = (spelling: string, family: Family): boolean => {
  const match = matchOption(['', spelling, 'value'], 1, family);
  return !('unknown' in match) || (/[=-]$/.test(spelling) && [...optionIndex[family].keys()].some(known => known.startsWith(spelling)));
};

const answer = (compiler: string, question: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', COLUMNS: '1000' };
    execFile(compiler, [question], { env, timeout: 20_000, maxBuffer: 16 * 1024 * 1024 }, (error, stdout) =>
      (error !== null && typeof error.code !== 'number' ? reject(error) : resolve(stdout)));
  });
