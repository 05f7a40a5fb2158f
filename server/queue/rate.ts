/**
 * How often something may happen: so many times a second on average, and a burst at once.
 *
 * @module
 */

export interface RateLimits {
  readonly perSecond: number;
  readonly burst: number;
}

/** One bucket of tokens, which fills as time passes. */
export class Rate {
  readonly #limits: RateLimits;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  /** @param now milliseconds on any clock that only goes forward */
  constructor(limits: RateLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#tokens = limits.burst;
    this.#at = now();
  }

  /** Once more; false when that is too often. */
  take(): boolean {
    const { perSecond, burst } = this.#limits;
    const now = this.#now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
