/**
 * Servers that could not run a compiler, and rest from it while everything else goes on. Who does not have the compiler rests for
 * long at once; a sandbox that failed may be well again in a moment, and rests longer each time it fails again.
 *
 * @module
 */
import type { WardError } from '../../protocol/errors.ts';

const firstRestMs = 1_000;
const longestRestMs = 30_000;
/** Whose rest has been over for so long was well: the next rest is the first one again. */
const wellMs = 30_000;

interface Rest {
  readonly until: number;
  readonly ms: number;
  readonly error: WardError;
}

export class UnfitServers {
  readonly #now: () => number;
  /** By server and compiler. */
  readonly #rests = new Map<string, Rest>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A job failed there. What says nothing of server and compiler is left alone. */
  note(server: string, toolchain: string, error: WardError): void {
    if (error.code !== 'toolchain-unknown' && error.code !== 'sandbox-failed') return;
    const before = this.#rests.get(keyOf(server, toolchain));
    // Jobs that fail together are one failure.
    if (before !== undefined && this.#now() < before.until) return;
    const grown = before === undefined || this.#now() > before.until + wellMs ? firstRestMs : Math.min(before.ms * 2, longestRestMs);
    const ms = error.code === 'toolchain-unknown' ? longestRestMs : grown;
    this.#rests.set(keyOf(server, toolchain), { until: this.#now() + ms, ms, error });
  }

  /** Why the server is not asked for the compiler now; undefined: it may be. */
  why(server: string, toolchain: string): WardError | undefined {
    const rest = this.#rests.get(keyOf(server, toolchain));
    return rest !== undefined && this.#now() < rest.until ? rest.error : undefined;
  }
}

const keyOf = (server: string, toolchain: string): string => `${server}\0${toolchain}`;
