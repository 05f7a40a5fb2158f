/**
 * Fuzzing of one target for a while: what is kept in the corpus first, then changes of it. An input that leads to an outcome which no
 * other had is kept and changed further.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutate, Random, type Material } from './engine.ts';
import type { Target } from './target.ts';

export const corpusDirectory = fileURLToPath(new URL('corpus', import.meta.url));
/** Inputs that made something fail once; each is run again by every test. */
export const crashDirectory = fileURLToPath(new URL('crashes', import.meta.url));

/** A parser that takes so long for one small input will be made to. */
const slowMs = 1_000;
/** Kept a target, on disk and in memory. */
const corpusFiles = 24;
const keptInputs = 500;

export interface Crash {
  readonly input: Buffer;
  readonly error: Error;
}

export interface Report {
  readonly target: string;
  readonly seed: number;
  readonly runs: number;
  readonly ms: number;
  readonly outcomes: number;
  readonly crashes: readonly Crash[];
  /** Inputs with outcomes that nothing in the corpus had. */
  readonly found: readonly Buffer[];
}

export const readAll = (directory: string, target: string): Buffer[] => {
  const place = join(directory, target);
  return existsSync(place) ? readdirSync(place).sort().map((name) => readFileSync(join(place, name))) : [];
};

/** Keeps an input under the digest of its content. */
export const keep = (directory: string, target: string, input: Buffer): string => {
  const place = join(directory, target);
  mkdirSync(place, { recursive: true });
  const file = join(place, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(file, input);
  return file;
};

/** Keeps what was found, the shortest first, while there is room. */
export const keepFound = ({ target, found }: Report): void => {
  const room = corpusFiles - readAll(corpusDirectory, target).length;
  for (
    const input of found.filter(({ length }) => length <= 1024).sort((a, b) => a.length - b.length).slice(0, Math.max(0, room))
  ) keep(corpusDirectory, target, input);
};

/** Processor time of this thread: on a busy machine an input may wait long, and is not slow for that. */
const usedMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/** Runs one input. @throws what the target threw, or that it was slow */
export const runOne = async ({ run }: Target, input: Buffer): Promise<string> => {
  const begun = usedMs();
  const outcome = await run(input);
  const ms = usedMs() - begun;
  if (ms > slowMs) throw new Error(`${input.length} bytes took ${Math.round(ms)} ms`);
  return outcome;
};

/** @param before called with each input, so that a run which never ends is known */
export const campaign = async (target: Target, ms: number, seed: number, before: (input: Buffer) => void = () => {}): Promise<Report> => {
  const random = new Random(seed);
  const corpus = [...await target.seeds(), ...readAll(corpusDirectory, target.name), ...readAll(crashDirectory, target.name)];
  const material: Material = {
    corpus, words: (target.words ?? []).map((word) => Buffer.from(word as string)), maxBytes: target.maxBytes ?? 4096,
  };
  const outcomes = new Set<string>();
  const crashes: Crash[] = [];
  const found: Buffer[] = [];
  const known = corpus.length;
  const begun = performance.now();
  let runs = 0;
  for (; runs < known || performance.now() - begun < ms; runs++) {
    const input = runs < known ? corpus[runs]! : mutate(random, material);
    before(input);
    try {
      const outcome = await runOne(target, input);
      if (outcomes.has(outcome)) continue;
      outcomes.add(outcome);
      if (runs < known || corpus.length >= keptInputs) continue;
      const own = Buffer.from(input);
      corpus.push(own);
      found.push(own);
    } catch (error) {
      if (
        !crashes.some((crash) => crash.error.message === (error as Error).message)
      ) crashes.push({ input: Buffer.from(input), error: error as Error });
      if (crashes.length >= 10) break;
    }
  }
  return { target: target.name, seed, runs, ms: performance.now() - begun, outcomes: outcomes.size, crashes, found };
};
