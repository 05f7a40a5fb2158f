/**
 * What keeps a text local because its result is not the same tomorrow, or elsewhere: the time, and C++ modules. These do not count in
 * comments, because comments speak of them; so it has to be certain what a comment is.
 *
 * @module
 */

import type { Obstacle } from './facts.ts';
import { isFollowed } from './words.ts';

interface Sink {
  readonly obstacles: Set<Obstacle>;
}

/** Comments; what is none although it holds the start of one; and what may end somewhere else than it seems to. */
const pieces = new RegExp([
  // In C90 the first slash divides.
  String.raw`\/\/(?!\*)[^\n]*`, String.raw`\/\*[^]*?(?:\*\/|$)`,
  // One that is not closed reaches to the end of its line: whatever begins matches, or a line of quotes would be read once for each.
  String.raw`(?<=(?:^|[^\w$.\x80-\xff])(?:u8|[uUL])?)"(?:[^"\\\n]|\\[^])*("?)`, String.raw`(?<![\w$.\x80-\xff])'(?:[^'\\\n]|\\[^])*('?)`,
  // Raw strings, digits in groups, apostrophes in text that is skipped, names of headers, lines that end as on old Macs.
  String.raw`["']`, String.raw`\/\/\*`, String.raw`<[^<>\n]{0,200}\/\*[^<>\n]{0,200}>`, String.raw`\r(?!\n)`,
].join('|'), 'g');

/** Whether a piece may be something else to a compiler. */
const isUncertain = ({ 0: piece, 1: double, 2: single }: RegExpExecArray): boolean => {
  if (piece.startsWith('/*')) return false;
  if (piece.startsWith('//')) return piece === '//*' || /\r(?!$)/.test(piece);
  return (double ?? single ?? '') === '';
};

/** The text as a compiler sees it, or all of it where only a compiler can tell what is a comment. */
const withoutComments = (text: string): string => {
  const code: string[] = [];
  let from = 0;
  for (const match of text.matchAll(pieces)) {
    if (isUncertain(match)) return text;
    if (!match[0].startsWith('/')) continue;
    code.push(text.slice(from, match.index), ' ');
    from = match.index + match[0].length;
  }
  return code.join('') + text.slice(from);
};

/** What makes a part of a name of these words. */
const besideDate = /__|(?<=__DATE)/y;
const besideTime = /(?:STAMP)?__|(?<=__TIME)/y;
const wraps = /[ \t]*__\b/y;
/** Whether there may be such a name in a text: fast, for texts without. */
const mayNameTime = (text: string): boolean =>
  isFollowed(text, 'DATE', besideDate) || isFollowed(text, 'TIME', besideTime) || (/DATE|TIME/.test(text) && isFollowed(text, '##', wraps));

const what = '(?:DATE|TIME|TIMESTAMP)';
/** One half of a name, for `##` to put together. */
const half = new RegExp(String.raw`\b(?:__${what}_?|_?${what}__)\b`);
const wrapped = /\b__[ \t]*##[ \t]*\w+[ \t]*##[ \t]*__\b/;
const bare = new RegExp(String.raw`\b${what}\b`);

export const findTimes = (text: string, { obstacles }: Sink): void => {
  if (!mayNameTime(text)) return;
  const code = withoutComments(text);
  if (/\b__TIMESTAMP__\b/.test(code) || half.test(code) || (wrapped.test(code) && bare.test(code))) obstacles.add('timestamp');
  if (/\b__(?:DATE|TIME)__\b/.test(code)) obstacles.add('date-or-time');
};

/** C++20: `import x;`, `export module y;`, `module;`. Counts only where modules are enabled. */
export const findModules = (text: string, { obstacles }: Sink): void => {
  if (!text.includes('import') && !text.includes('module')) return;
  if (/^[ \t\f\v]*(?:export[ \t]+)?(?:__)?(?:import|module)\b/m.test(withoutComments(text))) obstacles.add('module');
};
