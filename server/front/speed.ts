/**
 * How fast this server compiles, as clients that compare offers are told: what it took to compile the canary of a compiler, which is the
 * same work everywhere, and how much of a core jobs have got lately.
 *
 * @module
 */
import type { Usage } from '../jobs/services.ts';

/** CPU time of the canary of gcc on a plain core (3 GHz, 2020). */
const plainMs = 40;
/** Weight of the newest job. */
const newest = 0.05;
/** Shorter jobs say more of starting processes than of cores. */
const tellingMs = 20;
/** What offers may say. */
const slowest = 0.01;
const fastest = 100;

const cpuOf = ({ userMs, systemMs }: Usage): number => userMs + systemMs;

export class Speed {
  readonly #canaries = new Map<string, number>();
  #share = 1;

  /** What the canary of a compiler used. */
  calibrate(toolchain: string, usages: readonly Usage[]): void {
    const cpuMs = usages.reduce((sum, usage) => sum + cpuOf(usage), 0);
    if (cpuMs > 0) this.#canaries.set(toolchain, cpuMs);
  }

  /** A job has run. A compiler with several threads still has one core at least. */
  ran(usage: Usage): void {
    if (usage.wallMs >= tellingMs) this.#share += newest * (Math.min(1, cpuOf(usage) / usage.wallMs) - this.#share);
  }

  /** 1 = a plain core for each job. */
  of(toolchain: string): number {
    const speed = (plainMs / (this.#canaries.get(toolchain) ?? plainMs)) * this.#share;
    return Math.round(Math.min(fastest, Math.max(slowest, speed)) * 100) / 100;
  }
}
