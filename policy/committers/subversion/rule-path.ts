/**
 * The paths that rules of a Subversion access file are about: `/trunk/doc`, with or without wildcards.
 *
 * A star stays within one segment of a path; `**` as a segment of its own stands for any number of segments, also for none.
 * Upper and lower case differ.
 *
 * @module
 */
import { reject } from './config-lines.ts';

/** `**`, a literal, or a pattern for one segment. */
export type Segment = '**' | { readonly literal: string } | { readonly pattern: string };

const wildcard = /[*?\\]/;

/** Does a pattern of `?`, `*`, `\x` and literals match the whole of `text`? Linear but for one point to come back to. */
export const matchSegment = (pattern: string, text: string): boolean => {
  let [p, t] = [0, 0];
  let [starPattern, starText] = [-1, 0];
  while (t < text.length) {
    const escaped = pattern[p] === '\\' && p + 1 < pattern.length;
    if (pattern[p] === '*') {
      [starPattern, starText] = [p, t];
      p += 1;
    } else if (p < pattern.length && (escaped ? pattern[p + 1] === text[t] : pattern[p] === '?' || pattern[p] === text[t])) {
      p += escaped ? 2 : 1;
      t += 1;
    } else if (starPattern >= 0) {
      starText += 1;
      [p, t] = [starPattern + 1, starText];
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
};

/** `**` in a row are one; `**` before single stars goes behind them, which means the same. So equal rules look equal. */
const normalise = (segments: readonly Segment[]): Segment[] => {
  const result: Segment[] = [];
  for (const segment of segments) {
    const isStar = typeof segment === 'object' && 'pattern' in segment && segment.pattern === '*';
    if (result.at(-1) === '**') {
      if (segment === '**') continue;
      if (isStar) {
        result.splice(-1, 0, segment);
        continue;
      }
    }
    result.push(segment);
  }
  return result;
};

const readSegment = (text: string, isGlob: boolean, at: string): Segment => {
  if (text === '') return reject(at, 'the path has an empty segment');
  if (text === '.' || text === '..') return reject(at, `the path has the segment ${text}`);
  if (!isGlob || !wildcard.test(text)) return { literal: text };
  if (text.includes('[')) return reject(at, 'a character class cannot be written in a section header');
  if (text === '**') return '**';
  return { pattern: text.replaceAll(/\*+/g, '*') };
};

/** The segments of a path that begins with `/`; the root has none. */
export const readRulePath = (path: string, isGlob: boolean, at: string): Segment[] =>
  path === '/' ? [] : normalise(path.slice(1).split('/').map((text) => readSegment(text, isGlob, at)));

/** Do these segments match exactly this path, no more and no less? In time that grows with the length of one times the other. */
export const matchPath = (rule: readonly Segment[], path: readonly string[]): boolean => {
  /** By the number of names that were read: could the segments so far be those names? */
  let reached = [true, ...path.map(() => false)];
  for (const segment of rule) {
    if (segment === '**') {
      const first = reached.indexOf(true);
      reached = reached.map((_, count) => first !== -1 && count >= first);
    } else {
      const fits = (name: string): boolean => 'literal' in segment ? segment.literal === name : matchSegment(segment.pattern, name);
      reached = reached.map((_, count) => count > 0 && reached[count - 1] === true && fits(path[count - 1] ?? ''));
    }
  }
  return reached[path.length] === true;
};
