/**
 * Counts what became of jobs. Each job is counted once, when its outcome is known; a cancelled one is counted as cancelled only.
 *
 * @module
 */
import type { JobOutcome } from './types.ts';

/** The shape of `wardctl stats --json`. */
export interface StatsReport {
  /** Milliseconds since the epoch of the start of counting. */
  readonly since: number;
  readonly jobs: Readonly<Record<JobOutcome['how'] | 'cancelled', number>>;
  /** Why jobs were local, by code. */
  readonly localReasons: Readonly<Record<string, number>>;
  /** Why jobs were done more than once, by code. Each is counted once above all the same. */
  readonly againReasons: Readonly<Record<string, number>>;
  /** Why jobs were denied or failed, by error code. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly servers: Readonly<Record<string, { readonly remote: number; readonly hit: number }>>;
  /** Mean milliseconds from request to outcome. */
  readonly meanMs: Readonly<Record<'remote' | 'hit', number>>;
}

/** Counters stand for causes, not for files: a bound against a caller with endless reasons. */
const maxReasons = 500;

const bump = (counts: Map<string, number>, name: string): void => {
  const key = counts.has(name) || counts.size < maxReasons ? name : 'other';
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

const sorted = (counts: Map<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));

export class Stats {
  #since = Date.now();
  #jobs = { remote: 0, hit: 0, local: 0, denied: 0, failed: 0, cancelled: 0 };
  #ms = { remote: 0, hit: 0 };
  readonly #localReasons = new Map<string, number>();
  readonly #againReasons = new Map<string, number>();
  readonly #refusals = new Map<string, number>();
  readonly #servers = new Map<string, { remote: number; hit: number }>();

  count(outcome: JobOutcome): void {
    this.#jobs[outcome.how] += 1;
    if (outcome.again !== undefined) bump(this.#againReasons, outcome.again);
    if (outcome.how === 'local') {
      bump(this.#localReasons, outcome.reason ?? 'unknown');
    } else if (outcome.how === 'denied' || outcome.how === 'failed') {
      bump(this.#refusals, outcome.reason ?? 'unknown');
    } else {
      this.#ms[outcome.how] += outcome.ms;
      const server = outcome.server ?? 'unknown';
      const counts = this.#servers.get(server) ?? { remote: 0, hit: 0 };
      counts[outcome.how] += 1;
      this.#servers.set(server, counts);
    }
  }

  countCancelled(): void {
    this.#jobs.cancelled += 1;
  }

  zero(): void {
    this.#since = Date.now();
    this.#jobs = { remote: 0, hit: 0, local: 0, denied: 0, failed: 0, cancelled: 0 };
    this.#ms = { remote: 0, hit: 0 };
    this.#localReasons.clear();
    this.#againReasons.clear();
    this.#refusals.clear();
    this.#servers.clear();
  }

  report(): StatsReport {
    const mean = (how: 'remote' | 'hit'): number => Math.round((this.#ms[how] / Math.max(1, this.#jobs[how])) * 10) / 10;
    return {
      since: this.#since,
      jobs: { ...this.#jobs },
      localReasons: sorted(this.#localReasons),
      againReasons: sorted(this.#againReasons),
      refusals: sorted(this.#refusals),
      servers: Object.fromEntries([...this.#servers].map(([name, counts]) => [name, { ...counts }])),
      meanMs: { remote: mean('remote'), hit: mean('hit') },
    };
  }
}
