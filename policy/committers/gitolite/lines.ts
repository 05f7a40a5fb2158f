/**
 * The lines of gitolite.conf as its compiler sees them: comments gone, white space normalised, included files in their place,
 * blocks that are not for access control left out, and the spellings that gitolite itself rewrites, rewritten.
 *
 * @module
 */
import { glob } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { decodeText, readBounded, type ReadFile } from '../../jsonc.ts';
import { WardError } from '../../../protocol/errors.ts';

export interface ConfLine {
  readonly text: string;
  /** `file:line:1`. */
  readonly at: string;
}

const maxFiles = 10_000;

/** @throws WardError `config-invalid`, always */
export const reject = (at: string, sentence: string): never => {
  throw new WardError('config-invalid', `${at}: ${sentence}`, { at });
};

/**
 * Where the comment of a line begins; the end of the line when it has none. Gitolite looks for it with
 * `^((".*?"|[^#"])*)#`, which takes time without bounds for some lines; this finds the same place in one pass from the end.
 */
const commentAt = (line: string): number => {
  const quotes = [...line.matchAll(/"/g)].map(({ index }) => index);
  const hashes = [...line.matchAll(/#/g)].map(({ index }) => index);
  /** Only ever asked further to the front. */
  const hashBetween = (from: number, to: number): number | undefined => {
    while ((hashes.at(-2) ?? -1) >= from) hashes.pop();
    const found = hashes.at(-1) ?? -1;
    return found < from || found >= to ? undefined : found;
  };
  /** By quote: where the comment begins if a string ends at this quote, or at the first later one for which there is a comment. */
  const fromQuote: (number | undefined)[] = [];
  for (let index = quotes.length - 1; index >= 0; index--) {
    const here = hashBetween(quotes[index]! + 1, quotes[index + 1] ?? line.length) ?? fromQuote[index + 2];
    fromQuote[index] = here ?? fromQuote[index + 1];
  }
  return hashBetween(0, quotes[0] ?? line.length) ?? fromQuote[1] ?? line.length;
};

/** Without its comment (a `#` inside of a simple string is none), with single spaces, and spaces around the first `=`. */
export const cleanLine = (line: string): string =>
  line.slice(0, commentAt(line)).replace('=', ' = ').replaceAll(/[ \t\n\r\f\v]+/g, ' ').replace(/^ /, '').replace(/ $/, '');

const blockBegins = /^= *begin (?:testconf|template-data)$/;
const blockEnds = /^= *end$/;
const inclusion = /^(include|subconf) (?:\S+ )?(\S.+)$/;
const quoted = /^(["'])(.+)\1$/;

interface Explosion {
  readonly lines: ConfLine[];
  /** As they were read, the first is gitolite.conf. */
  readonly files: string[];
  /** Directories in which another file could become one that is included. */
  readonly directories: string[];
}

const matching = async (pattern: string, directory: string, at: string): Promise<string[]> => {
  if (/[\s{}[\]~\\]|\*\*/.test(pattern)) return reject(at, `"${pattern}" has signs that are not accepted in an include: * and ? are`);
  if (!pattern.endsWith('.conf')) return reject(at, `"${pattern}" does not end in .conf`);
  if (!/[*?]/.test(pattern)) return [pattern];
  const found: string[] = [];
  for await (const name of glob(pattern, { cwd: directory })) found.push(name);
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
};

/**
 * Reads gitolite.conf and what it includes, relative to its directory; a file counts once.
 *
 * @throws WardError `config-invalid`: a file that is not there, `subconf`, `%HOSTNAME`
 */
export const readLines = async (file: string, readFile: ReadFile = readBounded): Promise<Explosion> => {
  const directory = dirname(file);
  const result: Explosion = { lines: [], files: [], directories: [] };
  const seen = new Set<string>();
  // A block may begin in one file and end in another.
  let isSkipped = false;
  const read = async (path: string): Promise<void> => {
    if (seen.has(resolve(path))) return;
    seen.add(resolve(path));
    result.files.push(path);
    if (result.files.length > maxFiles) {
      throw new WardError('config-invalid', `${file} includes more than ${maxFiles} files.`, { at: file });
    }
    for (const [index, raw] of decodeText(await readFile(path), path).split('\n').entries()) {
      const at = `${path}:${index + 1}:1`;
      const text = cleanLine(raw);
      if (blockBegins.test(text)) isSkipped = true;
      const [, verb, rest = ''] = inclusion.exec(text) ?? [];
      if (text === '' || (isSkipped && verb === undefined)) {
        if (blockEnds.test(text)) isSkipped = false;
        continue;
      }
      if (text.includes('%HOSTNAME')) reject(at, '%HOSTNAME is known to the git server only');
      if (verb === undefined) {
        result.lines.push({ text, at });
        continue;
      }
      if (verb === 'subconf') reject(at, 'delegation by subconf is not supported: name the files with include');
      const [, , pattern] = quoted.exec(rest) ?? [];
      if (pattern === undefined) return reject(at, 'the file of an include stands in quotes');
      if (/[*?]/.test(pattern)) result.directories.push(join(directory, dirname(pattern.replace(/[*?].*$/s, '*'))));
      for (const name of await matching(pattern, directory, at)) await read(join(directory, name));
    }
  };
  await read(file);
  return result;
};
