/**
 * Random numbers that come again with the same seed (mulberry32).
 *
 * @module
 */

/** Numbers from 0 up to, but not including, 1. */
export const randomOf = (seed: number): (() => number) => {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** A seed for a run that has none; printed, so that the run can be had again. */
export const freshSeed = (): number => Date.now() % 2 ** 31;
