/**
 * Counts what became of jobs. Each job is counted once, when its outcome is known; a cancelled one is counted as cancelled only.
 *
 * @module
 */
import { longestName, mostCounters, type SavedStats } from './saved-stats.ts';
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

/** Under what a name is counted: itself, while there is room. */
const keyIn = (counts: ReadonlyMap<string, unknown>, name: string): string => {
  const key = name.slice(0, longestName);
  return counts.has(key) || counts.size < mostCounters ? key : 'other';
};

const bump = (counts: Map<string, number>, name: string): void => {
  const key = keyIn(counts, name);
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

const fill = <T>(counts: Map<string, T>, from: Readonly<Record<string, T>>): void => {
  counts.clear();
  for (const [name, value] of Object.entries(from)) counts.set(name, value);
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
  readonly #servers = new Map<string, { readonly remote: number; readonly hit: number }>();

  count(outcome: JobOutcome): void {
    this.#jobs[outcome.how] += 1;
    if (outcome.again !== undefined) bump(this.#againReasons, outcome.again);
    if (outcome.how === 'local') {
      bump(this.#localReasons, outcome.reason ?? 'unknown');
    } else if (outcome.how === 'denied' || outcome.how === 'failed') {
      bump(this.#refusals, outcome.reason ?? 'unknown');
    } else {
      this.#ms[outcome.how] += outcome.ms;
      const server = keyIn(this.#servers, outcome.server ?? 'unknown');
      const counts = this.#servers.get(server) ?? { remote: 0, hit: 0 };
      this.#servers.set(server, { ...counts, [outcome.how]: counts[outcome.how] + 1 });
    }
  }

  countCancelled(): void {
    this.#jobs.cancelled += 1;
  }

  zero(): void {
    this.restore(new Stats().save());
  }

  /** All that {@link restore} needs. */
  save(): Omit<SavedStats, 'verify'> {
    const { since, jobs, localReasons, againReasons, refusals, servers } = this.report();
    return { since, jobs, ms: { ...this.#ms }, localReasons, againReasons, refusals, servers };
  }

  /** Goes on counting from there. */
  restore({ since, jobs, ms, localReasons, againReasons, refusals, servers }: Omit<SavedStats, 'verify'>): void {
    this.#since = since;
    this.#jobs = { ...jobs };
    this.#ms = { ...ms };
    fill(this.#localReasons, localReasons);
    fill(this.#againReasons, againReasons);
    fill(this.#refusals, refusals);
    fill(this.#servers, servers);
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
