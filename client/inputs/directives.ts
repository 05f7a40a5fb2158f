/**
 * Directives in a text: what a preprocessor includes, and which files its line markers name. Most directives are neither, and a glance
 * at their first letters is faster than a pattern.
 *
 * @module
 */

/** What a directive begins with, and how that is written where a keyboard lacks it. */
export const signs = ['#', '%:', '??='];
const keywords = /(?:include_next|include|import|embed)\b/y;
/** No file has a longer name; without a bound, a line of open quotes would be read once for each of them. */
export const LITERAL = String.raw`"([^"\n]{0,4096})"|<([^>\n]{0,4096})>`;
const included = new RegExp(String.raw`${LITERAL}|([A-Za-z_$][\w$]*)|([\x80-\xff\\])`, 'y');
/** Between two parts of a directive nobody writes more blanks and comments; a bound keeps the time linear. */
const longestBlank = 1000;
const lineKeyword = /line\b/y;
const lineNumber = /\d+/y;
const lineName = /"((?:[^"\\\n]|\\.){1,4096})"/y;
/** After the number of a line: nothing but its end, or a comment. */
const lineEnd = /\n|$|\//y;
const macroStart = /[A-Za-z_$]/y;
const glance = 2000;

export interface DirectiveSink {
  /** A name that a directive includes or embeds; `quoted` or `angled`. */
  include(keyword: string, quoted: string | undefined, angled: string | undefined): void;
  /** What is included or embedded is the expansion of a macro; `?` if its name can't be read. */
  computed(keyword: string, macro: string): void;
  /** The file that a line marker names; empty if that can't be read. */
  line(name: string): void;
}

/**
 * Whether something other than a comment comes before, on the same line. What can't be seen at a glance may be one. Some compilers take a
 * byte order mark, NUL or a blank of Unicode for nothing, and a lone carriage return for the end of a line.
 */
const isInsideLine = (text: string, at: number): boolean => {
  const near = text.slice(Math.max(0, at - glance), at);
  const before = near.slice(Math.max(near.lastIndexOf('\n'), near.lastIndexOf('\r')) + 1);
  return before.length < glance && /[!-~]/.test(before) && !before.includes('*/');
};

export const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isLetter = (code: number): boolean => code >= 0x61 && code <= 0x7a;
const codeOf = (letter: string): number => letter.charCodeAt(0);
const [blank, tab, e, i, l, m, n] = [...' \teilmn'].map(codeOf);
const [star, slash] = [...'*/'].map(codeOf);
const blanks: ReadonlySet<number> = new Set([...' \t\f\v\r\0'].map(codeOf));

/**
 * Where blanks and comments end; undefined: there are more of them than can be looked at. A loop and no pattern: what follows the start of
 * a comment could be matched in more ways than there are atoms, and is, when nothing that fits comes after.
 */
export const skipBlank = (text: string, from: number): number | undefined => {
  const last = from + longestBlank;
  let at = from;
  while (at <= last) {
    if (blanks.has(text.charCodeAt(at))) at += 1;
    else if (text.charCodeAt(at) !== slash || text.charCodeAt(at + 1) !== star) return at;
    else {
      const length = text.slice(at + 2, last + 2).indexOf('*/');
      // A comment without an end is none.
      if (length === -1) return last + 2 < text.length ? undefined : at;
      at += length + 4;
    }
  }
  return undefined;
};

/** What may follow a sign. */
const kindAfter = (text: string, sign: number): 'inclusion' | 'line' | 'any' | 'other' => {
  let at = sign;
  let code = text.charCodeAt(at);
  while (code === blank || code === tab) code = text.charCodeAt(++at);
  if (code === l || isDigit(code)) return 'line';
  if (!isLetter(code)) return 'any';
  const next = text.charCodeAt(at + 1);
  return (code === i && (next === n || next === m)) || (code === e && next === m) ? 'inclusion' : 'other';
};

const readInclusion = (text: string, sign: number, after: number, sink: DirectiveSink): void => {
  const begin = skipBlank(text, after);
  const keyword = begin === undefined ? undefined : matchAt(keywords, text, begin)?.[0];
  if ((begin !== undefined && keyword === undefined) || isInsideLine(text, sign)) return;
  const place = begin === undefined || keyword === undefined ? undefined : skipBlank(text, begin + keyword.length);
  if (place === undefined) return sink.computed(keyword ?? 'include', '?');
  const match = matchAt(included, text, place);
  if (match === null) return;
  const [, quoted, angled, macro, strange] = match;
  if (quoted !== undefined || angled !== undefined) sink.include(keyword as string, quoted, angled);
  else if (macro !== undefined || strange !== undefined) sink.computed(keyword as string, macro ?? '?');
};

/** Where the next part of a directive begins; what is too far away counts as nothing. */
const next = (text: string, from: number): number => skipBlank(text, from) ?? text.length;

const readLine = (text: string, sign: number, after: number, sink: DirectiveSink): void => {
  const begin = next(text, after);
  const keyword = matchAt(lineKeyword, text, begin)?.[0] ?? '';
  const place = next(text, begin + keyword.length);
  const number = matchAt(lineNumber, text, place)?.[0] ?? '';
  if ((keyword === '' && number === '') || isInsideLine(text, sign)) return;
  const end = next(text, place + number.length);
  const name = number === '' ? undefined : matchAt(lineName, text, end)?.[1];
  if (name !== undefined) {
    const read = name.includes('\\') ? unescaped(name) : name;
    if (!read.startsWith('<')) sink.line(read);
  } else if (keyword !== '' && (matchAt(number === '' ? macroStart : lineEnd, text, end) !== null) === (number === '')) {
    // A macro says which line it is, or which file.
    sink.line('');
  }
};

const escape = /\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})(?![0-9A-Fa-f])|([^]))/g;
const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', e: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** What a string means; empty if that is not certain. */
const unescaped = (text: string): string => {
  let unsure = false;
  const meant = text.replace(escape, (_, octal: string | undefined, hex: string | undefined, letter: string) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (isLetter(codeOf(letter.toLowerCase())) && escapes[letter] === undefined) unsure = true;
    return escapes[letter] ?? letter;
  });
  return unsure ? '' : meant;
};

/** Tells of every directive that begins a line, or follows the end of a comment. Lines of the text are spliced already; a character is a byte. */
export const findDirectives = (text: string, sink: DirectiveSink): void => {
  for (const sign of signs) {
    for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) {
      const after = at + sign.length;
      const kind = kindAfter(text, after);
      if (kind === 'inclusion' || kind === 'any') readInclusion(text, at, after, sink);
      if (kind === 'line' || kind === 'any') readLine(text, at, after, sink);
    }
  }
};
