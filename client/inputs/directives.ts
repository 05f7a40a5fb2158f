/**
 * Directives in a text: what a preprocessor includes, and which files its line markers name. Most directives are neither, and a glance
 * at their first letters is faster than a pattern.
 *
 * @module
 */

/** Blanks and comments; the bound on a comment inside a directive keeps the time linear. */
export const BLANK = String.raw`(?:[ \t\f\v\r]|/\*[^]{0,1000}?\*/)*`;
export const LITERAL = String.raw`(?:"([^"\n]*)"|<([^>\n]*)>)`;
/** What a directive begins with, and how that is written where a keyboard lacks it. */
const signs = ['#', '%:', '??='];
const inclusion = new RegExp(String.raw`${BLANK}(include_next|include|import|embed)\b${BLANK}(?:${LITERAL}|([A-Za-z_$][\w$]*)|([\x80-\xff\\]))?`, 'y');
const lineMarker = /[ \t]*(?:line[ \t]+)?\d+[ \t]+"([^"\n]+)"/y;
const glance = 2000;

export interface DirectiveSink {
  /** A name that a directive includes or embeds; `quoted` or `angled`. */
  include(keyword: string, quoted: string | undefined, angled: string | undefined): void;
  /** What is included or embedded is the expansion of a macro; `?` if its name can't be read. */
  computed(keyword: string, macro: string): void;
  /** The file that a line marker names. */
  line(name: string): void;
}

/** Whether something other than a comment comes before, on the same line. What can't be seen at a glance may be one. */
const isInsideLine = (text: string, at: number): boolean => {
  const near = text.slice(Math.max(0, at - glance), at);
  const before = near.slice(near.lastIndexOf('\n') + 1);
  return before.length < glance && before.trim() !== '' && !before.includes('*/');
};

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isLetter = (code: number): boolean => code >= 0x61 && code <= 0x7a;
const codeOf = (letter: string): number => letter.charCodeAt(0);
const [blank, tab, e, i, l, m, n] = [...' \teilmn'].map(codeOf);

/** What may follow a sign. */
const kindAfter = (text: string, sign: number): 'inclusion' | 'line' | 'other' => {
  let at = sign;
  let code = text.charCodeAt(at);
  while (code === blank || code === tab) code = text.charCodeAt(++at);
  if (code === l || isDigit(code)) return 'line';
  if (!isLetter(code)) return 'inclusion';
  const next = text.charCodeAt(at + 1);
  return (code === i && (next === n || next === m)) || (code === e && next === m) ? 'inclusion' : 'other';
};

const readInclusion = (text: string, sign: number, after: number, sink: DirectiveSink): void => {
  const match = matchAt(inclusion, text, after);
  if (match === null || isInsideLine(text, sign)) return;
  const [, keyword, quoted, angled, macro, strange] = match;
  if (quoted !== undefined || angled !== undefined) sink.include(keyword as string, quoted, angled);
  else if (macro !== undefined || strange !== undefined) sink.computed(keyword as string, macro ?? '?');
};

const readLine = (text: string, sign: number, after: number, sink: DirectiveSink): void => {
  const name = matchAt(lineMarker, text, after)?.[1];
  if (name !== undefined && !name.startsWith('<') && !isInsideLine(text, sign)) sink.line(name);
};

/** Tells of every directive that begins a line, or follows the end of a comment. Lines of the text are spliced already; a character is a byte. */
export const findDirectives = (text: string, sink: DirectiveSink): void => {
  for (const sign of signs) {
    for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) {
      const after = at + sign.length;
      const kind = kindAfter(text, after);
      if (kind === 'inclusion') readInclusion(text, at, after, sink);
      else if (kind === 'line' && sign === '#') readLine(text, at, after, sink);
    }
  }
};
