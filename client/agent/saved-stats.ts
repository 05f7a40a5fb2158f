/**
 * The form in which counts outlive the agent. Everything is bounded: a file that was damaged must cost neither time nor memory.
 *
 * @module
 */
import { closed, compileSchema } from '../../policy/jsonc.ts';
import type { VerifyCounts } from '../verify/verification.ts';
import type { JobOutcome } from './types.ts';

/** Counters stand for causes, not for files: a bound against a caller with endless reasons. */
export const mostCounters = 500;
export const longestName = 300;

export interface SavedStats {
  /** Milliseconds since the epoch of the start of counting. */
  readonly since: number;
  readonly jobs: Readonly<Record<JobOutcome['how'] | 'cancelled', number>>;
  /** Milliseconds from request to outcome, of all jobs together. */
  readonly ms: Readonly<Record<'remote' | 'hit', number>>;
  readonly localReasons: Readonly<Record<string, number>>;
  readonly againReasons: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  readonly servers: Readonly<Record<string, { readonly remote: number; readonly hit: number }>>;
  readonly verify: Readonly<VerifyCounts>;
}

const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const amount = { type: 'number', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const counts = (...names: string[]) => closed(Object.fromEntries(names.map((name) => [name, count])));
/** One more than are counted by name: `other`. */
const byName = (value: object) => ({ type: 'object', maxProperties: mostCounters + 1, propertyNames: { maxLength: longestName }, additionalProperties: value, required: [] }) as const;

const isSavedStats = compileSchema<SavedStats>(closed({
  since: count,
  jobs: counts('remote', 'hit', 'local', 'denied', 'failed', 'cancelled'),
  ms: closed({ remote: amount, hit: amount }),
  localReasons: byName(count),
  againReasons: byName(count),
  refusals: byName(count),
  servers: byName(counts('remote', 'hit')),
  verify: counts('drawn', 'agreed', 'differed', 'unsteady', 'skipped'),
}));

/** Counts as they were written; undefined: it is something else. */
export const parseSavedStats = (text: string): SavedStats | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return isSavedStats(value) ? value : undefined;
  } catch {
    return undefined;
  }
};
