/**
 * How many connections may be open, in all and from one address, counted before anybody is authenticated: a peer that only
 * connects must not be able to keep others out.
 *
 * @module
 */

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
    const fromThere = this.#open.get(address) ?? 0;
    if (this.#count >= this.#total || fromThere >= this.#perAddress) return undefined;
    this.#count++;
    this.#open.set(address, fromThere + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#count--;
      const rest = (this.#open.get(address) ?? 1) - 1;
      if (rest === 0) this.#open.delete(address);
      else this.#open.set(address, rest);
    };
  }
}
