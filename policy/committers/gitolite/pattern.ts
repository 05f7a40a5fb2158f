/**
 * The regular expressions that gitolite allows for branches and repositories, matched in time that grows with the length of
 * pattern times text and not faster: the people who write them could otherwise stop the server with one line.
 *
 * What always holds: every pattern that is accepted means here what it means in Perl; one that might not is refused (look-around,
 * flags, back references, possessive quantifiers, word boundaries).
 *
 * @module
 */

type Test = (character: string) => boolean;

/** One state of the automaton; `next` are states reached by reading a character, or at once. */
type State =
  | { readonly kind: 'read'; readonly test: Test; readonly next: number }
  | { readonly kind: 'split'; readonly next: readonly number[] }
  | { readonly kind: 'begin' | 'end'; readonly next: number }
  | { readonly kind: 'match' };

export interface Pattern {
  /** Does it match somewhere in the text, as Perl's `=~` does? */
  test(text: string): boolean;
  /** How large it is. */
  readonly states: number;
}

const maxStates = 20_000;
const maxRepeat = 1000;

const classes: Readonly<Record<string, Test>> = Object.freeze({
  d: (c) => c >= '0' && c <= '9',
  D: (c) => !(c >= '0' && c <= '9'),
  w: (c) => /^[A-Za-z0-9_]$/.test(c),
  W: (c) => !/^[A-Za-z0-9_]$/.test(c),
  s: (c) => /^[ \t\n\r\f\v]$/.test(c),
  S: (c) => !/^[ \t\n\r\f\v]$/.test(c),
} satisfies Record<string, Test>);

/** Grows the automaton backwards: each part is built with the state that follows it, and returns the state it begins in. */
type Part = (next: number) => number;

class Compiler {
  readonly states: State[] = [{ kind: 'match' }];
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  compile(): number {
    const part = this.#alternatives();
    if (this.#position < this.#text.length) throw new SyntaxError('a ) without its (');
    return part(0);
  }

  #add(state: State): number {
    if (this.states.length >= maxStates) throw new SyntaxError('it is too large');
    return this.states.push(state) - 1;
  }

  #peek(): string | undefined {
    return this.#text[this.#position];
  }

  #take(): string {
    const character = this.#text[this.#position];
    if (character === undefined) throw new SyntaxError('it ends too early');
    this.#position += 1;
    return character;
  }

  #alternatives(): Part {
    const branches = [this.#sequence()];
    while (this.#peek() === '|') {
      this.#take();
      branches.push(this.#sequence());
    }
    const [only] = branches;
    if (branches.length === 1 && only !== undefined) return only;
    return (next) => this.#add({ kind: 'split', next: branches.map((branch) => branch(next)) });
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (!['|', ')', undefined].includes(this.#peek())) parts.push(this.#repeated());
    return (next) => parts.reduceRight((following, part) => part(following), next);
  }

  #repeated(): Part {
    const isAnchor = this.#peek() === '^' || this.#peek() === '$';
    const part = this.#atom();
    const [least, most] = this.#quantifier();
    if (least === 1 && most === 1) return part;
    if (isAnchor) throw new SyntaxError('^ and $ cannot be repeated');
    return (next) => {
      let start = next;
      if (most === Infinity) {
        const loop = this.#add({ kind: 'split', next: [] });
        this.states[loop] = { kind: 'split', next: [part(loop), next] };
        start = loop;
      } else {
        for (let count = least; count < most; count += 1) start = this.#add({ kind: 'split', next: [part(start), next] });
      }
      for (let count = 0; count < least; count += 1) start = part(start);
      return start;
    };
  }

  #quantifier(): [least: number, most: number] {
    const rest = this.#text.slice(this.#position);
    const [written] = /^(?:[*+?]|\{[0-9]{1,4}(?:,[0-9]{0,4})?\})/.exec(rest) ?? [''];
    if (written === '') return [1, 1];
    this.#position += written.length;
    // A lazy quantifier matches the same texts; a second one of another kind does not.
    if (this.#peek() === '?') this.#take();
    if (/^[*+?{]/.test(this.#peek() ?? '')) throw new SyntaxError('a quantifier follows a quantifier');
    if (written === '*') return [0, Infinity];
    if (written === '+') return [1, Infinity];
    if (written === '?') return [0, 1];
    const [least = '', most = least] = written.slice(1, -1).split(',');
    const range: [number, number] = [Number(least), most === '' ? Infinity : Number(most)];
    if (range[0] > range[1] || range[0] > maxRepeat || (range[1] > maxRepeat && range[1] !== Infinity)) {
      throw new SyntaxError(`${written} is no range that is accepted`);
    }
    return range;
  }

  #read(test: Test): Part {
    return (next) => this.#add({ kind: 'read', test, next });
  }

  #atom(): Part {
    const character = this.#take();
    switch (character) {
      case '^': return (next) => this.#add({ kind: 'begin', next });
      case '$': return (next) => this.#add({ kind: 'end', next });
      case '.': return this.#read((c) => c !== '\n');
      case '[': return this.#read(this.#characterClass());
      case '\\': return this.#read(this.#escape());
      case '(': return this.#group();
      case '*': case '+': case '?': case '{': throw new SyntaxError(`${character} has nothing to repeat`);
      default: return this.#read((c) => c === character);
    }
  }

  #group(): Part {
    if (this.#peek() === '?') throw new SyntaxError('(? is not accepted');
    const part = this.#alternatives();
    if (this.#take() !== ')') throw new SyntaxError('a ( without its )');
    return part;
  }

  #escape(): Test {
    const character = this.#take();
    const known = classes[character];
    if (known !== undefined) return known;
    if (/[A-Za-z0-9]/.test(character)) throw new SyntaxError(`\\${character} is not accepted`);
    return (c) => c === character;
  }

  #characterClass(): Test {
    const isNegated = this.#peek() === '^';
    if (isNegated) this.#take();
    if (this.#peek() === ']') throw new SyntaxError('a character class cannot begin with ]');
    const tests: Test[] = [];
    for (let character = this.#take(); character !== ']'; character = this.#take()) {
      if (character === '[') throw new SyntaxError('[ inside of a character class is written \\[');
      if (character === '\\') {
        tests.push(this.#escape());
        if (this.#peek() === '-' && this.#text[this.#position + 1] !== ']') throw new SyntaxError('a range cannot begin with \\');
      } else if (this.#peek() === '-' && this.#text[this.#position + 1] !== ']') {
        this.#take();
        const last = this.#take();
        if (last === '\\' || last === '[' || last < character) throw new SyntaxError(`${character}-${last} is no range`);
        tests.push((c) => c >= character && c <= last);
      } else {
        const literal = character;
        tests.push((c) => c === literal);
      }
    }
    return (c) => tests.some((test) => test(c)) !== isNegated;
  }
}

/** Of all patterns of a file together, each counted once. */
const maxStatesTogether = 200_000;

/** The patterns of one file, each made when it is first needed. */
export class Patterns {
  readonly #known = new Map<string, Pattern>();
  #states = 0;

  /** @throws SyntaxError as `compilePattern`, and when the patterns are too large together */
  compile(source: string): Pattern {
    const known = this.#known.get(source);
    if (known !== undefined) return known;
    const pattern = compilePattern(source);
    this.#states += pattern.states;
    if (this.#states > maxStatesTogether) throw new SyntaxError('the regular expressions of this file are too large together');
    this.#known.set(source, pattern);
    return pattern;
  }
}

/** @throws SyntaxError when the pattern is malformed, too large, or might mean something else in Perl */
export const compilePattern = (source: string): Pattern => {
  const compiler = new Compiler(source);
  const start = compiler.compile();
  const { states } = compiler;
  let asked: { readonly text: string; readonly answer: boolean } | undefined;
  const answer = (text: string): boolean => {
    const characters = [...text];
    let isMatch = false;
    let current = new Set<number>();
    const enter = (set: Set<number>, first: number, position: number): void => {
      const waiting = [first];
      for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
        if (set.has(index)) continue;
        set.add(index);
        const state = states[index];
        if (state === undefined) continue;
        if (state.kind === 'match') isMatch = true;
        else if (state.kind === 'split') waiting.push(...state.next);
        else if (state.kind === 'begin' && position === 0) waiting.push(state.next);
        else if (state.kind === 'end' && position === characters.length) waiting.push(state.next);
      }
    };
    for (let position = 0; !isMatch; position += 1) {
      enter(current, start, position);
      const character = characters[position];
      if (character === undefined) break;
      const following = new Set<number>();
      for (const index of current) {
        const state = states[index];
        if (state?.kind === 'read' && state.test(character)) enter(following, state.next, position + 1);
      }
      current = following;
    }
    return isMatch;
  };
  return {
    states: states.length,
    test(text) {
      // One text is asked for again and again: the ref that the policy names.
      if (asked?.text !== text) asked = { text, answer: answer(text) };
      return asked.answer;
    },
  };
};
