/**
 * What the simulated farm has to do, and how soon the best scheduler there could be would have done it.
 *
 * @module
 */
export interface Plan {
  readonly servers: number;
  /** Compiles at once on each server. */
  readonly slots: number;
  readonly jobs: number;
  /** How long a compile takes: anything between, in milliseconds. */
  readonly leastMs: number;
  readonly mostMs: number;
}

export const wholePlan: Plan = { servers: 64, slots: 8, jobs: 20_000, leastMs: 200, mostMs: 5_000 };

/** A generator of numbers from 0 to 1 that gives the same ones again (mulberry32): two runs have the same jobs. */
const random = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** How long each job takes, in whole milliseconds. */
export const durations = ({ jobs, leastMs, mostMs }: Plan, seed = 1): number[] => {
  const next = random(seed);
  return Array.from({ length: jobs }, () => Math.round(leastMs + next() * (mostMs - leastMs)));
};

/**
 * When the last job ends if each begins on the slot that is free first, without any delay: what one scheduler can do that knows
 * everything at once and does not know how long a job will take.
 *
 * @param slots of the whole farm
 */
export const ideal = (jobs: readonly number[], slots: number): number => {
  // A heap of the times at which slots are free: the root is the first.
  const free = new Float64Array(slots);
  for (const duration of jobs) {
    const value = free[0]! + duration;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= slots) break;
      const child = left + 1 < slots && free[left + 1]! < free[left]! ? left + 1 : left;
      if (free[child]! >= value) break;
      free[at] = free[child]!;
      at = child;
    }
    free[at] = value;
  }
  return free.reduce((last, time) => Math.max(last, time), 0);
};
