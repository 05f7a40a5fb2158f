/**
 * The epoch that a keeper signs with. It comes from the signed farm file, which the keeper reads and checks itself: a front that somebody
 * took over cannot have results signed for an epoch that is still to come, which the next recall would then miss.
 *
 * @module
 */
import { FarmFile, type WrittenFarmTrust } from '../../policy/farm-file.ts';

/** Without a farm file there is one epoch for ever. */
export const firstEpoch = 1;

export class KeeperFarm {
  readonly #trust: WrittenFarmTrust | undefined;
  readonly #memory: string;
  readonly #file = new FarmFile('farm.publicKey in server.jsonc');
  #epoch = firstEpoch;

  private constructor(trust: WrittenFarmTrust | undefined, memory: string) {
    this.#trust = trust;
    this.#memory = memory;
  }

  /** @param memory the keeper's own directory, in which the highest serial is remembered. @throws WardError `config-invalid` */
  static async open(trust: WrittenFarmTrust | undefined, memory: string): Promise<KeeperFarm> {
    const farm = new KeeperFarm(trust, memory);
    await farm.reload();
    return farm;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Reads the file again. @throws WardError `config-invalid` when it is broken, older, or not signed: the last good epoch stays */
  async reload(): Promise<number> {
    if (this.#trust !== undefined) this.#epoch = (await this.#file.read(this.#trust, this.#memory)).epoch;
    return this.#epoch;
  }
}
