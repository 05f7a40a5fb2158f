/**
 * Changes inputs: a small mutation engine with a seed, so that what it found can be found again.
 *
 * @module
 */

/** Numbers that parsers get wrong. */
const interesting = [0, 1, -1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

/** mulberry32: 32 bits of state are enough to repeat a run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

export interface Material {
  /** Inputs to begin with and to take pieces from. */
  readonly corpus: readonly Buffer[];
  /** Words of the format. */
  readonly words: readonly Buffer[];
  readonly maxBytes: number;
}

type Change = (bytes: Buffer, random: Random, material: Material) => Buffer;

const at = (bytes: Buffer, random: Random): number => random.below(bytes.length + 1);

const insert = (bytes: Buffer, place: number, piece: Buffer): Buffer => Buffer.concat(
  [bytes.subarray(0, place), piece, bytes.subarray(place)]
);

const changeByte = (bytes: Buffer, random: Random, value: (old: number) => number): Buffer => {
  if (bytes.length === 0) return bytes;
  const copy = Buffer.from(bytes);
  const place = random.below(copy.length);
  copy[place] = value(copy[place]!) & 0xff;
  return copy;
};

const changes: readonly Change[] = [
  (bytes, random) => changeByte(bytes, random, (old) => old ^ (1 << random.below(8))),
  (bytes, random) => changeByte(bytes, random, () => random.below(256)),
  (bytes, random) => changeByte(bytes, random, (old) => old + random.below(33) - 16),
  function number(bytes, random) {
    const width = random.of([1, 2, 4, 8]);
    if (bytes.length < width) return bytes;
    const value = Buffer.alloc(8);
    value.writeBigInt64BE(BigInt(random.of(interesting)) + BigInt(random.below(3) - 1));
    const piece = value.subarray(8 - width);
    const copy = Buffer.from(bytes);
    (random.below(2) === 0 ? piece : Buffer.from(piece).reverse()).copy(copy, random.below(bytes.length - width + 1));
    return copy;
  },
  function remove(bytes, random) {
    const from = at(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + random.below(Math.min(64, bytes.length - from) + 1))]);
  },
  (bytes, random) => bytes.subarray(0, at(bytes, random)),
  function repeat(bytes, random) {
    const from = at(bytes, random);
    const piece = bytes.subarray(from, from + random.below(32) + 1);
    return insert(bytes, at(bytes, random), Buffer.concat(Array.from({ length: random.of([1, 1, 2, 5, 100]) }, () => piece)));
  },
  (bytes, random) => insert(bytes, at(bytes, random), Buffer.from(Array.from({ length: random.below(8) + 1 }, () => random.below(256)))),
  (bytes, random, { words }) => (words.length === 0 ? bytes : insert(bytes, at(bytes, random), random.of(words))),
  function overwrite(bytes, random, { words }) {
    if (words.length === 0) return bytes;
    const word = random.of(words);
    const from = at(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), word, bytes.subarray(from + word.length)]);
  },
  function splice(bytes, random, { corpus }) {
    const other = random.of(corpus);
    return Buffer.concat([bytes.subarray(0, at(bytes, random)), other.subarray(at(other, random))]);
  },
  function swap(bytes, random) {
    const [a, b, c] = [at(bytes, random), at(bytes, random), at(bytes, random)].sort((x, y) => x - y) as [number, number, number];
    return Buffer.concat([bytes.subarray(0, a), bytes.subarray(b, c), bytes.subarray(a, b), bytes.subarray(c)]);
  },
];

/** One to a few changes to one of the inputs. */
export const mutate = (random: Random, material: Material): Buffer => {
  let bytes = random.of(material.corpus);
  for (let left = random.of([1, 1, 1, 2, 3, 6]); left > 0; left--) bytes = random.of(changes)(bytes, random, material);
  return bytes.subarray(0, material.maxBytes);
};
