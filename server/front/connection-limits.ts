/**
 * How many connections may be open, in all and from one address, counted before anybody is authenticated: a peer that only
 * connects must not be able to keep others out. A network of IPv6 that one host may choose its addresses from counts as one.
 *
 * @module
 */
import { countedAddress } from '../keeper/refusals.ts';

export class ConnectionLimits {
  readonly #total: number;
  readonly #perAddress: number;
  readonly #open = new Map<string, number>();
  #count = 0;

  constructor(limits: { readonly total: number; readonly perAddress: number }) {
    this.#total = limits.total;
    this.#perAddress = limits.perAddress;
  }

  get open(): number {
    return this.#count;
  }

  /** Counts a connection in; undefined when it is one too many, else the function that counts it out. */
  enter(address: string): (() => void) | undefined {
    const origin = countedAddress(address);
    const fromThere = this.#open.get(origin) ?? 0;
    if (this.#count >= this.#total || fromThere >= this.#perAddress) return undefined;
    this.#count++;
    this.#open.set(origin, fromThere + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#count--;
      const rest = (this.#open.get(origin) ?? 1) - 1;
      if (rest === 0) this.#open.delete(origin);
      else this.#open.set(origin, rest);
    };
  }
}
