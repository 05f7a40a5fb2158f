/**
 * Templates: literal text with parts in braces, `{user}@CORP.EXAMPLE`. Deliberately less than regular expressions.
 *
 * A part stands for one or more of `A-Z a-z 0-9 . _ + -`; so it never swallows `/`, `@`, `:` or `\`, and `alice/admin@CORP` is no
 * `{user}@CORP`. What always holds: between two parts stands a character that a part can't contain, so a text matches in one way or not
 * at all.
 *
 * @module
 */

type Piece = { readonly literal: string } | { readonly part: string };

export interface Template {
  readonly text: string;
  readonly pieces: readonly Piece[];
  /** Names of the parts, in order. */
  readonly parts: readonly string[];
}

const partCharacter = /^[A-Za-z0-9._+-]$/;
const partText = /^[A-Za-z0-9._+-]+$/;

/** Reads a template; a string is the complaint, to be read after the template's name. */
export const parseTemplate = (text: string): Template | string => {
  const pieces: Piece[] = [];
  const parts: string[] = [];
  let rest = text;
  while (rest !== '') {
    const open = rest.search(/[{}]/);
    const literal = open === -1 ? rest : rest.slice(0, open);
    if (literal !== '') pieces.push({ literal });
    if (open === -1) break;
    const part = /^\{([a-z][a-z0-9]*)\}/.exec(rest.slice(open))?.[1];
    if (part === undefined) return 'has a brace that belongs to no part such as {user}';
    if (parts.includes(part)) return `names the part {${part}} twice`;
    parts.push(part);
    pieces.push({ part });
    rest = rest.slice(open + part.length + 2);
  }
  return { text, pieces, parts };
};

/** The complaint about a template that could match one text in two ways; undefined if it can't. */
export const findAmbiguity = ({ pieces }: Template): string | undefined => {
  let open: string | undefined;
  for (const piece of pieces) {
    if ('literal' in piece) {
      if ([...piece.literal].some((character) => !partCharacter.test(character))) open = undefined;
    } else if (open !== undefined) {
      return `has {${open}} and {${piece.part}} with nothing between them that a part cannot contain, such as @ or /`;
    } else {
      open = piece.part;
    }
  }
  return undefined;
};

/** The values of the parts if the text matches; the template must have no ambiguity. */
export const matchTemplate = ({ pieces }: Template, text: string): ReadonlyMap<string, string> | undefined => {
  const values = new Map<string, string>();
  let at = 0;
  for (const [index, piece] of pieces.entries()) {
    if ('literal' in piece) {
      if (!text.startsWith(piece.literal, at)) return undefined;
      at += piece.literal.length;
      continue;
    }
    // A part ends where the literal text after it begins, seen from the end of the run of characters that a part may contain.
    let end = at;
    while (end < text.length && partCharacter.test(text[end]!)) end += 1;
    const next = pieces[index + 1];
    if (next !== undefined && 'literal' in next) end -= leadingPartCharacters(next.literal);
    const value = text.slice(at, Math.max(at, end));
    if (!partText.test(value)) return undefined;
    values.set(piece.part, value);
    at = end;
  }
  return at === text.length ? values : undefined;
};

const leadingPartCharacters = (literal: string): number => {
  let count = 0;
  while (count < literal.length && partCharacter.test(literal[count]!)) count += 1;
  return count;
};

/** Fills the parts in. A part without a value stays as `{part}`. */
export const fillTemplate = ({ pieces }: Template, values: ReadonlyMap<string, string>): string =>
  pieces.map((piece) => ('literal' in piece ? piece.literal : (values.get(piece.part) ?? `{${piece.part}}`))).join('');

/** One step of a template as an automaton: a character, or one more character of a part. */
type Step = { readonly character: string } | { readonly loop: boolean };

const stepsOf = ({ pieces }: Template): Step[] =>
  pieces.flatMap((piece): Step[] => ('literal' in piece ? [...piece.literal].map((character) => ({ character })) : [{ loop: true }]));

const candidate = (a: Step, b: Step): string | undefined => {
  if ('character' in a) {
    if ('character' in b) return a.character === b.character ? a.character : undefined;
    return partCharacter.test(a.character) ? a.character : undefined;
  }
  return 'character' in b ? candidate(b, a) : 'x';
};

/** The shortest text that both templates match, or undefined if there is none: their automata are walked together. */
export const findOverlap = (first: Template, second: Template): string | undefined => {
  const [a, b] = [stepsOf(first), stepsOf(second)];
  const seen = new Set<string>();
  let front: { i: number; j: number; text: string }[] = [{ i: 0, j: 0, text: '' }];
  while (front.length > 0) {
    const next: typeof front = [];
    for (const { i, j, text } of front) {
      if (i === a.length && j === b.length) return text;
      if (i === a.length || j === b.length) continue;
      const character = candidate(a[i]!, b[j]!);
      if (character === undefined) continue;
      // After a character of a part the part may go on or be over.
      for (const ni of 'loop' in a[i]! ? [i, i + 1] : [i + 1]) {
        for (const nj of 'loop' in b[j]! ? [j, j + 1] : [j + 1]) {
          const key = `${ni} ${nj}`;
          if (seen.has(key)) continue;
          seen.add(key);
          next.push({ i: ni, j: nj, text: text + character });
        }
      }
    }
    front = next;
  }
  return undefined;
};
