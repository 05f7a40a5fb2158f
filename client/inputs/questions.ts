/**
 * Questions that a text asks about files: `__has_include`, `__has_include_next`, `__has_embed`, and macros that pass them on and are
 * named so that they are known by their names wherever they are used (`#define FMT_HAS_INCLUDE(x) __has_include(x)`).
 *
 * Always holds: what is asked for in a way that is not understood here is an obstacle. An answer changes what is compiled without a
 * word, so a file that was not seen would be a wrong object.
 *
 * @module
 */
import { LITERAL, matchAt, skipBlank } from './directives.ts';
import { isFollowed } from './words.ts';

export interface QuestionSink {
  /** A name that is asked for; `quoted` or `angled`. */
  ask(quoted: string | undefined, angled: string | undefined): void;
  /** The same, asked by a macro: `<…>` is expanded, and `"…"` is looked for beside whichever file uses the macro. */
  indirect(quoted: string | undefined, angled: string | undefined): void;
  /** What is asked for is only known after preprocessing. */
  unclear(what: 'computed-has-include' | 'computed-embed' | 'assembler-file'): void;
}

/** What question words end with. */
const ending = String.raw`(?:has_(?:include(?:_next)?|embed)|HAS_(?:INCLUDE(?:_NEXT)?|EMBED))_*`;
const questionWord = new RegExp(String.raw`${ending}(?![\w$])`, 'g');
const named = new RegExp(String.raw`${ending}$`);
const builtin = /^__has_(?:include|include_next|embed)(?:__)?$/;
const asked = new RegExp(String.raw`${LITERAL}|([A-Za-z_$][\w$]*)`, 'y');

const sign = String.raw`(?:#|%:|\?\?=)`;
const directive = new RegExp(sign);
/** In a line without comments. */
const definition = new RegExp(String.raw`${sign}[ \t\f\v\r]*define[ \t\f\v\r]*([A-Za-z_$][\w$]*)(?:\(([^()]*)\))?`);
/** It is defined itself, or asked about. */
const isMentioned = /(?:define|undef|ifn?def|elifn?def|\bdefined[ \t]*\(?)[ \t]*$/;
const isDefined = /define[ \t]+$/;
const comment = /\/\*[^]*?\*\//g;
const glance = 2000;
const longestWord = 100;

/** Parts of these names, for `##` to put together. */
const handedPart = /\b__has_?[ \t]{0,100}[,)]/;
const firstPart = /\b__has_?[ \t]{0,100}##/;
const secondPart = /[(,][ \t]{0,100}_?(?:include|include_next|embed)[ \t]{0,100}[,)]/;

/** Where the word begins that has this in it. */
const wordStart = (text: string, at: number): number => {
  const near = text.slice(Math.max(0, at - longestWord), at);
  return at - (/[\w$]*$/.exec(near)?.[0].length ?? 0);
};

interface Line {
  /** What comes before on the line, as far as it can be seen at a glance. */
  readonly before: string;
  readonly isDirective: boolean;
  /** The macro that is being defined, and its parameters; the name is empty if the line is too long to tell. */
  readonly defines: { readonly macro: string; readonly parameters: readonly string[] } | undefined;
}

const lineBefore = (text: string, start: number): Line => {
  const near = text.slice(Math.max(0, start - glance), start);
  const before = near.slice(near.lastIndexOf('\n') + 1);
  if (before.length === glance) return { before, isDirective: true, defines: { macro: '', parameters: [] } };
  const [, macro, parameters = ''] = definition.exec(before.replace(comment, ' ')) ?? [];
  const list = parameters.split(',').map((each) => each.trim()).filter((each) => each !== '');
  return { before, isDirective: directive.test(before), defines: macro === undefined ? undefined : { macro, parameters: list } };
};

/** The word alone: whether it is handed on, so that it asks under another name. */
const isHandedOn = (text: string, end: number, { before, defines, isDirective }: Line): boolean => {
  const code = before.replace(comment, ' ');
  if (!isDirective || isMentioned.test(code) || /\/\/|\/\*/.test(code)) return false;
  const next = skipBlank(text, end);
  return defines !== undefined || next === undefined || text[next] === ',' || text[next] === ')';
};

interface Argument {
  readonly quoted?: string | undefined;
  readonly angled?: string | undefined;
  readonly name?: string;
}

/** What is asked for in the parentheses that follow; undefined: none follow. What is not a name, or too far away to be seen, has no member. */
const argumentAt = (text: string, end: number): Argument | undefined => {
  const open = skipBlank(text, end);
  if (open !== undefined && text[open] !== '(') return undefined;
  const place = open === undefined ? undefined : skipBlank(text, open + 1);
  const [, quoted, angled, name] = (place === undefined ? undefined : matchAt(asked, text, place)) ?? [];
  if (place === undefined || name === undefined) return { quoted, angled };
  const close = skipBlank(text, place + name.length);
  return close !== undefined && text[close] === ')' ? { name } : {};
};

/** What in a name would be expanded if it were a macro. */
export const wordsIn = (name: string): string[] => name.match(/[A-Za-z_$][\w$]*/g) ?? [];

/** Tells of all questions. Lines of the text are spliced already; a character is a byte. */
export const findQuestions = (text: string, sink: QuestionSink): void => {
  for (const match of text.matchAll(questionWord)) {
    const start = wordStart(text, match.index);
    const end = match.index + match[0].length;
    const word = text.slice(start, end);
    const line = lineBefore(text, start);
    const { before, defines, isDirective } = line;
    const unclear = (): void => sink.unclear(/embed/i.test(word) ? 'computed-embed' : 'computed-has-include');
    if (isDefined.test(before)) continue;
    const argument = argumentAt(text, end);
    if (argument === undefined) {
      if (isHandedOn(text, end, line)) unclear();
      continue;
    }
    const { quoted, angled, name } = argument;
    if (quoted !== undefined || angled !== undefined) {
      sink.ask(quoted, angled);
      // `<…>` is one word to the compiler only where it reads the question itself; what a macro holds or takes is expanded.
      if (defines === undefined && (quoted !== undefined || builtin.test(word))) continue;
      const words = wordsIn(angled ?? '');
      if (/[\x80-\xff\\(]/.test(angled ?? '') || words.some((each) => defines?.parameters.includes(each))) unclear();
      else sink.indirect(quoted, angled);
    } else if (builtin.test(word) || isDirective) {
      const passes = defines !== undefined && named.test(defines.macro) && defines.parameters.length === 1 && defines.parameters[0] === name;
      if (!passes) unclear();
    }
  }
  if (handedPart.test(text) || (firstPart.test(text) && secondPart.test(text))) sink.unclear('computed-has-include');
};

const afterLower = /_(?:include|embed)|(?<=\b__has)_?[ \t]*[,)#]/y;
const afterUpper = /INCLUDE|EMBED/y;

/** Whether there may be questions in a text: fast, for texts without. */
export const mayAsk = (text: string): boolean => isFollowed(text, 'has', afterLower) || isFollowed(text, 'HAS_', afterUpper);
