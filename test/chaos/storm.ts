/**
 * Faults, one after the other, until they are called off; then everything is mended. The same seed gives the same faults with the same
 * pauses, though not the same moments of a build.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { randomOf } from '../long/random.ts';
import type { ChaosFarm } from './farm.ts';
import { drawFault } from './faults.ts';

export interface StormOptions {
  readonly seed: number;
  /** Mean pause between two faults. */
  readonly meanPauseMs: number;
  /** Longest that a fault lasts; undefined: as long as the fault says. */
  readonly longestMs?: number;
  /** Told of every fault and every mending, in one line. */
  readonly say: (line: string) => void;
}

export class Storm {
  /** Faults that struck, by name. */
  readonly counts = new Map<string, number>();
  readonly #farm: ChaosFarm;
  readonly #options: StormOptions;
  readonly #calling = new AbortController();
  readonly #mending = new Set<Promise<void>>();
  readonly #raging: Promise<void>;
  /** What went wrong with a fault itself. */
  #error: unknown;

  constructor(farm: ChaosFarm, options: StormOptions) {
    this.#farm = farm;
    this.#options = options;
    this.#raging = this.#rage();
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** No more faults; resolves when everything is mended. @throws what went wrong with a fault itself */
  async end(): Promise<void> {
    this.#calling.abort();
    await this.#raging;
    await Promise.all(this.#mending);
    if (this.#error !== undefined) throw this.#error;
  }

  async #rage(): Promise<void> {
    const random = randomOf(this.#options.seed);
    const { signal } = this.#calling;
    while (!signal.aborted) {
      // All numbers are drawn before anything is looked at, so that what happens does not change what is drawn next.
      const wait = this.#options.meanPauseMs * (0.5 + random());
      const drawn = drawFault(random);
      const start = Math.floor(random() * this.#farm.servers.length);
      const own = randomOf(Math.floor(random() * 2 ** 31));
      await pause(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#strike(drawn, start, own);
      } catch (error) {
        this.#error ??= error;
        return;
      }
    }
  }

  /** At the server that was drawn, or the next that has no trouble yet; with everybody in trouble, at nobody. */
  async #strike({ fault, lastsMs }: ReturnType<typeof drawFault>, start: number, random: () => number): Promise<void> {
    const { servers } = this.#farm;
    const server = servers.map((_, index) => servers[(start + index) % servers.length]!).find(({ troubled }) => !troubled);
    if (server === undefined) return;
    const mend = await fault.strike(server, this.#farm, random);
    if (mend === undefined) return;
    this.counts.set(fault.name, (this.counts.get(fault.name) ?? 0) + 1);
    const lasts = Math.min(lastsMs, this.#options.longestMs ?? lastsMs);
    const where = fault.name.startsWith('agent') ? '' : ` (${server.name}${lasts === 0 ? '' : `, ${(lasts / 1000).toFixed(1)} s`})`;
    this.#options.say(`${fault.name}${where}`);
    if (lasts === 0) return void (await mend());
    server.troubled = true;
    const mending = pause(lasts, undefined, { signal: this.#calling.signal }).catch(() => undefined).then(async () => {
      await mend();
      server.troubled = false;
    }).catch((error: unknown) => { this.#error ??= error; });
    this.#mending.add(mending);
    void mending.then(() => this.#mending.delete(mending));
  }
}
