/**
 * What became of a job, in words: for WARDCC_EXPLAIN and for `wardctl why`.
 *
 * @module
 */
import { basename, extname, resolve } from 'node:path';
import { printable } from './printable.ts';
import type { JobOutcome, LauncherRequest } from './types.ts';

const sourceExtensions = new Set('.c .i .cc .cp .cxx .cpp .c++ .C .CPP .ii .m .mm .mi .mii .M .s .S .sx .cppm .ixx .f .f90'.split(' '));

const isSource = (argument: string, index: number): boolean => index > 0 && !argument.startsWith('-') && sourceExtensions.has(extname(argument));

/** The first argument that looks like a source file, as an absolute path: good enough to name a job by. */
export const sourceOf = (request: LauncherRequest): string | undefined => {
  const source = request.argv.find(isSource);
  return source === undefined ? undefined : resolve(request.cwd, source);
};

/** Objects or assembly that a compile leaves, as far as its arguments show them at a glance; none for what only links. */
export const objectsOf = ({ argv, cwd }: Pick<LauncherRequest, 'argv' | 'cwd'>): string[] => {
  if (!argv.includes('-c') && !argv.includes('-S')) return [];
  const at = argv.findLastIndex((argument) => /^-o(?!bj)/.test(argument));
  const named = argv[at] === '-o' ? argv[at + 1] : argv[at]?.slice(2);
  if (named !== undefined) return [resolve(cwd, named)];
  const suffix = argv.includes('-S') ? '.s' : '.o';
  return argv.filter(isSource).map((source) => resolve(cwd, `${basename(source, extname(source))}${suffix}`));
};

/** Does the caller want to be told? */
export const wantsExplanation = (request: LauncherRequest): boolean => {
  const value = request.env['WARDCC_EXPLAIN'];
  return value !== undefined && value !== '' && value !== '0';
};

/** The line's middle: source and cause. The launcher adds the time to a local one. */
export const explainCause = (request: LauncherRequest, outcome: JobOutcome): string => {
  const source = outcome.source ?? sourceOf(request);
  const name = source === undefined ? request.argv[0]! : basename(source);
  const reason = outcome.reason ?? 'no reason given';
  return outcome.message === undefined ? `${name}: ${reason}` : `${name}: ${reason} (${firstSentence(outcome.message)})`;
};

/** The whole line of a job that a server did or cached. */
export const explainLine = (request: LauncherRequest, outcome: JobOutcome): string => {
  const source = outcome.source ?? sourceOf(request);
  const name = source === undefined ? request.argv[0]! : basename(source);
  const where = outcome.server === undefined ? '' : ` on ${outcome.server}`;
  const why = outcome.reason === undefined ? '' : `, ${outcome.reason}`;
  const again = outcome.again === undefined ? '' : `, again because of ${outcome.again}`;
  return `wardcc: ${outcome.how}: ${name}${where}${why}${again}, ${Math.round(outcome.ms)} ms\n`;
};

const firstSentence = (text: string): string => printable(text.split('\n', 1)[0]!.slice(0, 400));

/** One remembered decision. */
export interface Decision {
  readonly source: string;
  readonly how: JobOutcome['how'];
  readonly reason?: string;
  readonly server?: string;
  readonly message?: string;
  readonly ms: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The last decision for each source file; the oldest are forgotten beyond `capacity`. */
export class Decisions {
  readonly #capacity: number;
  readonly #bySource = new Map<string, Decision>();

  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  remember(request: LauncherRequest, outcome: JobOutcome): void {
    const source = outcome.source ?? sourceOf(request);
    if (source === undefined) return;
    this.#bySource.delete(source);
    this.#bySource.set(source, {
      source,
      how: outcome.how,
      ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
      ...(outcome.server === undefined ? {} : { server: outcome.server }),
      ...(outcome.message === undefined ? {} : { message: outcome.message }),
      ms: outcome.ms,
      at: Date.now(),
    });
    if (this.#bySource.size > this.#capacity) this.#bySource.delete(this.#bySource.keys().next().value!);
  }

  find(source: string): Decision | undefined {
    return this.#bySource.get(source);
  }
}
