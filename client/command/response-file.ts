/**
 * Response files (`@file`): read on the client, never on a server. Words are split as gcc and clang split them: white space,
 * single and double quotes, backslashes.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { absolutePath } from './paths.ts';

/** Files within files, counted over a whole command. */
const mostFiles = 100;
const mostArguments = 20_000;
const mostBytes = 1024 * 1024;

/** The blanks of all compilers; those of Unicode are a part of words. */
const blank = /[ \t\n\r]/;
/** A blank for gcc only; a byte order mark at the beginning, which clang leaves out. */
const disputed = /[\f\v]|^\ufeff/;

/**
 * Splits the text of a response file into arguments. Compilers disagree about a backslash in single quotes or at the end, an
 * empty argument, an open quote, form feeds and byte order marks: for text with one of these the answer is undefined.
 */
export const splitResponse = (content: string): string[] | undefined => {
  if (disputed.test(content)) return undefined;
  const found: string[] = [];
  let current: string | undefined;
  let quote = '';
  for (let at = 0; at < content.length; at += 1) {
    const char = content[at] ?? '';
    if (quote === '' && blank.test(char)) {
      if (current !== undefined) {
        found.push(current);
        current = undefined;
      }
      continue;
    }
    current ??= '';
    if (char === '\\') {
      at += 1;
      if (quote === '\'' || at === content.length) {
        return undefined;
      }
      current += content[at];
    } else if (quote === '' && (char === '"' || char === '\'')) {
      quote = char;
    } else if (char === quote) {
      quote = '';
    } else {
      current += char;
    }
  }
  if (current !== undefined) {
    found.push(current);
  }
  return quote !== '' || found.includes('') ? undefined : found;
};

/**
 * Replaces every `@file` by what is in the file.
 *
 * @returns undefined with the offending argument when a file cannot be read, is not UTF-8 or too large
 */
export const expandResponseFiles = (argv: readonly string[], cwd: string): { argv: string[] } | { unreadable: string } => {
  const expanded: string[] = argv.slice(0, 1);
  const waiting = argv.slice(1).reverse();
  for (let files = 0; waiting.length > 0;) {
    const argument = waiting.pop() ?? '';
    if (!argument.startsWith('@')) {
      expanded.push(argument);
    } else {
      files += 1;
      const words = files > mostFiles ? undefined : readWords(absolutePath(cwd, argument.slice(1)));
      if (words === undefined || words.length + waiting.length + expanded.length > mostArguments) {
        return { unreadable: argument };
      }
      waiting.push(...words.reverse());
    }
  }
  return { argv: expanded };
};

const readWords = (path: string): string[] | undefined => {
  try {
    const bytes = readFileSync(path);
    const content = bytes.toString('utf8');
    return bytes.length > mostBytes || content.includes('\0') || !Buffer.from(content).equals(bytes) ? undefined : splitResponse(content);
  } catch {
    return undefined;
  }
};
