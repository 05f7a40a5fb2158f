/**
 * The farm file in force on this server: whose results count here beside its own, and since which epoch. A changed file replaces it whole
 * or not at all: then the last good one counts for an hour, and after that no server of it. Its epoch stays, so that nothing that was
 * recalled comes back.
 *
 * @module
 */
import { join } from 'node:path';
import type { Farm } from '../../policy/farm.ts';
import { FarmFile, type WrittenFarmTrust } from '../../policy/farm-file.ts';
import type { ServerConfig } from '../config.ts';
import { staleMs } from './policy-holder.ts';

export class FarmHolder {
  readonly #trust: WrittenFarmTrust | undefined;
  readonly #memory: string;
  readonly #keeper: () => Promise<void>;
  readonly #now: () => number;
  readonly #file = new FarmFile('farm.publicKey in server.jsonc');
  #current: Farm | undefined;
  #failingSince: number | undefined;

  private constructor(trust: WrittenFarmTrust | undefined, memory: string, keeper: () => Promise<void>, now: () => number) {
    this.#trust = trust;
    this.#memory = memory;
    this.#keeper = keeper;
    this.#now = now;
  }

  /**
   * @param keeper has the keeper read the file too
   * @param now milliseconds since the epoch, for tests
   * @throws WardError `config-invalid`
   */
  static async load({ farm, state }: Pick<ServerConfig, 'farm' | 'state'>, keeper: () => Promise<void>, now: () => number = Date.now): Promise<FarmHolder> {
    const holder = new FarmHolder(farm, join(state, 'front'), keeper, now);
    await holder.reload();
    return holder;
  }

  /** Undefined if the server's configuration names no farm file. */
  get current(): Farm | undefined {
    if (this.#current === undefined || this.#failingSince === undefined || this.#now() - this.#failingSince <= staleMs) return this.#current;
    return { ...this.#current, servers: new Map() };
  }

  /** Reads the file again, the keeper first: what it signs then is never of an older epoch than what is taken here. @throws WardError */
  async reload(): Promise<void> {
    if (this.#trust === undefined) return;
    try {
      await this.#keeper();
      this.#current = await this.#file.read(this.#trust, this.#memory);
      this.#failingSince = undefined;
    } catch (thrown) {
      this.#failingSince ??= this.#now();
      throw thrown;
    }
  }
}
