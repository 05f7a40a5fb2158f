/**
 * The farm file in force on this server: whose results count here beside its own, and since which epoch. A changed file replaces it whole
 * or not at all. What is kept here counts for clients only by their own copy of the file, so an old one stays good for as long as it takes.
 *
 * @module
 */
import { join } from 'node:path';
import type { Farm } from '../../policy/farm.ts';
import { FarmFile, type WrittenFarmTrust } from '../../policy/farm-file.ts';
import type { ServerConfig } from '../config.ts';

export class FarmHolder {
  readonly #trust: WrittenFarmTrust | undefined;
  readonly #memory: string;
  readonly #keeper: () => Promise<void>;
  readonly #file = new FarmFile('farm.publicKey in server.jsonc');
  #current: Farm | undefined;

  private constructor(trust: WrittenFarmTrust | undefined, memory: string, keeper: () => Promise<void>) {
    this.#trust = trust;
    this.#memory = memory;
    this.#keeper = keeper;
  }

  /** @param keeper has the keeper read the file too. @throws WardError `config-invalid` */
  static async load({ farm, state }: Pick<ServerConfig, 'farm' | 'state'>, keeper: () => Promise<void>): Promise<FarmHolder> {
    const holder = new FarmHolder(farm, join(state, 'front'), keeper);
    await holder.reload();
    return holder;
  }

  get current(): Farm | undefined {
    return this.#current;
  }

  /** Reads the file again, the keeper first: what it signs then is never of an older epoch than what is taken here. @throws WardError */
  async reload(): Promise<void> {
    if (this.#trust === undefined) return;
    await this.#keeper();
    this.#current = await this.#file.read(this.#trust, this.#memory);
  }
}
