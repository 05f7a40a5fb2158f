/**
 * What the text of one file may make a compiler read. Found without knowing which branches are taken, what is a comment or
 * what is a string: every directive that begins a line, or follows the end of a comment, counts. So nothing is missed, and what
 * is found in vain costs a look-up. Only time macros are read more narrowly, because they keep a file local: they do not count
 * in comments.
 *
 * @module
 */

import { findDirectives, type DirectiveSink } from './directives.ts';
import { findAssembler, mayAssemble } from './assembler.ts';
import { findQuestions, mayAsk, type QuestionSink } from './questions.ts';
import { findModules, findTimes } from './times.ts';
import { isFollowed } from './words.ts';

export interface Mention {
  readonly name: string;
  /** `"…"` rather than `<…>`. */
  readonly quoted: boolean;
}

/** Facts about a text; absent members mean none. */
export interface Facts {
  readonly includes?: readonly Mention[];
  /** `#include_next`, and with it everything whose place on the search path matters. */
  readonly nexts?: readonly Mention[];
  /** `__has_include`, `__has_include_next`, `__has_embed`, `#embed`, `.include`, `.incbin`. */
  readonly asks?: readonly Mention[];
  /** Macros whose expansion names a header to include; `?` for one that can't be read. */
  readonly computed?: readonly string[];
  /** Those of `asks` that a macro asks for: what is between `<` and `>` is expanded, and `"…"` is looked for beside any file. */
  readonly indirect?: readonly Mention[];
  /** Files that `#line` names: gcc quotes their lines in diagnostics. */
  readonly lines?: readonly string[];
  readonly obstacles?: readonly Obstacle[];
}

/** What keeps the text local, or at least may do so. */
export type Obstacle =
  | 'computed-has-include' | 'computed-embed' | 'computed-line' | 'assembler-file' | 'file-dependency' | 'include-alias' | 'date-or-time'
  | 'timestamp' | 'module';

/** Text without obstacles and references. */
export const noFacts: Facts = Object.freeze({});

/** Preprocessed text names every header it is made of. */
const mostLines = 20_000;

/** A text of its own: a part of a text would keep the whole one in memory. */
const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

type List = 'includes' | 'nexts' | 'asks' | 'indirect';

class Found implements DirectiveSink, QuestionSink {
  readonly lists: Record<List, Map<string, Mention>> = {
    includes: new Map(), nexts: new Map(), asks: new Map(), indirect: new Map(),
  };
  readonly macros = new Set<string>();
  readonly lines = new Set<string>();
  readonly obstacles = new Set<Obstacle>();

  add(list: List, quoted: string | undefined, angled: string | undefined): void {
    const name = utf8(quoted ?? angled ?? '');
    if (name !== '') this.lists[list].set(`${quoted === undefined ? '<' : '"'}${name}`, { name, quoted: quoted !== undefined });
  }

  include(keyword: string, quoted: string | undefined, angled: string | undefined): void {
    this.add(keyword === 'embed' ? 'asks' : keyword === 'include_next' ? 'nexts' : 'includes', quoted, angled);
  }

  ask(quoted: string | undefined, angled: string | undefined): void {
    this.add('asks', quoted, angled);
  }

  indirect(quoted: string | undefined, angled: string | undefined): void {
    this.add('indirect', quoted, angled);
  }

  unclear(what: Obstacle): void {
    this.obstacles.add(what);
  }

  computed(keyword: string, macro: string): void {
    if (keyword === 'embed') this.obstacles.add('computed-embed');
    else this.macros.add(utf8(macro));
  }

  line(name: string): void {
    if (name === '' || this.lines.size >= mostLines) this.obstacles.add('computed-line');
    else this.lines.add(utf8(name));
  }

  get facts(): Facts {
    const members: [keyof Facts, unknown[]][] = [
      ['includes', [...this.lists.includes.values()]],
      ['nexts', [...this.lists.nexts.values()]],
      ['asks', [...this.lists.asks.values()]],
      ['computed', [...this.macros]],
      ['indirect', [...this.lists.indirect.values()]],
      ['lines', [...this.lines]],
      ['obstacles', [...this.obstacles]],
    ];
    const some = members.filter(([, list]) => list.length > 0);
    return some.length === 0 ? noFacts : (Object.fromEntries(some) as Facts);
  }
}

/** Longer texts are not searched; the compiler has to be asked about them. */
const longestText = 256 * 1024 * 1024;

/** A text as it is after lines that end in a backslash were joined; a blank between the backslash and the end of its line does not count. */
export const spliced = (text: string): string =>
  (isFollowed(text, '\\', /[ \t\f\v\r]/y) ? text.replace(/\\[ \t\f\v]*\r?\n/g, '') : text.replaceAll('\\\n', ''));

/** Finds out what a text may make a compiler read. */
export const factsOf = (content: Buffer): Facts => {
  if (content.length > longestText) return { computed: ['?'] };
  const found = new Found();
  const text = spliced(content.toString('latin1'));
  if (text.includes('??/')) found.computed('include', '?');
  findDirectives(text, found);
  if (mayAsk(text)) findQuestions(text, found);
  if (mayAssemble(text)) findAssembler(text, found);
  if (isFollowed(text, 'GCC', /[ \t]+dependency/y)) found.obstacles.add('file-dependency');
  if (text.includes('include_alias')) found.obstacles.add('include-alias');
  findTimes(text, found);
  findModules(text, found);
  return found.facts;
};
