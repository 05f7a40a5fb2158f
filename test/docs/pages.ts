/**
 * The pages that people read, and the command lines in them.
 *
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

export const root = join(import.meta.dirname, '../..');

export interface Page {
  /** Relative to the repository. */
  readonly name: string;
  readonly text: string;
}

const below = (directory: string): string[] =>
  readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));

/** Every page but the figures of earlier runs. */
export const pages: readonly Page[] = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...['docs', 'packaging', 'protocol'].flatMap(below).filter((name) => !name.startsWith('docs/results/')),
].map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }));

export const page = (name: string): string => readFileSync(join(root, name), 'utf8');

export interface Block {
  /** What follows the three backquotes. */
  readonly language: string;
  readonly lines: readonly string[];
}

/** Fenced blocks, in order. */
export const blocks = (text: string): Block[] =>
  [...text.matchAll(/^ *```([a-z]*)\n([\s\S]*?)^ *```$/gm)].map(([, language, body]) => ({ language: language!, lines: body!.trimEnd().split('\n') }));

/** Text between backquotes outside of fenced blocks. */
export const inlineCode = (text: string): string[] =>
  [...text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map(([, code]) => code!.replaceAll(/\s+/g, ' '));

const explanation = / {3,}\S.*$|\s#.*$/;
const assignment = /^[A-Z_]+=\S*$/;

/** The simple commands of one line, as words, without settings before them and explanations after them. */
export const simpleCommands = (line: string): string[][] =>
  line
    .trim()
    .replace(explanation, '')
    .split(/&&|[;|]|(?<=\s)>(?=\s)|\$\(|\bdo\b/)
    .map((part) => part.split(/\s+/).map((word) => word.replaceAll(/^[[(]+|[\])]+$/g, '')).filter((word) => word !== ''))
    .map((words) => words.slice(words.findIndex((word) => !assignment.test(word))))
    .filter((words) => words.length > 0);
