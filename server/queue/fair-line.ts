/**
 * A number of places, and a bounded line in front of them. A freed place goes to the waiter whose principal holds the
 * least for its weight, the longest waiting first among equals: under overload each principal gets a weighted fair share.
 * A principal that holds all its quota allows waits even while places are free. A full line has room for whoever stands in it
 * less often than somebody else: nobody can fill it alone and keep the others out.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';

export interface Customer {
  /** Whose share this counts against. */
  readonly principal: string;
  /** Share relative to others; at least 1. */
  readonly weight: number;
  /** What this principal may hold at once, and have standing in line; no limit of its own when absent. */
  readonly quota?: { readonly jobs: number; readonly queued: number };
}

/** Gives the place back; calling it again does nothing. */
export type Release = () => void;

interface Waiter extends Customer {
  readonly grant: (release: Release) => void;
  readonly refuse: (error: WardError) => void;
}

export class FairLine {
  readonly #places: number;
  readonly #capacity: number;
  readonly #held = new Map<string, number>();
  readonly #waiting: Waiter[] = [];
  #taken = 0;
  /** Called when a place was taken or given back. */
  onChange: () => void = () => {};

  /** @param places held at once  @param capacity how many may stand in line beyond that */
  constructor(places: number, capacity: number) {
    this.#places = places;
    this.#capacity = capacity;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Takes a place, or stands in line for one.
   *
   * @param onWait told once, with the position in line, when there is no place at the moment
   * @throws WardError `busy` when the line is full, `cancelled` when the signal ends the wait
   */
  async enter(customer: Customer, signal: AbortSignal, onWait?: (position: number) => void): Promise<Release> {
    if (signal.aborted) throw new WardError('cancelled');
    if (this.#taken < this.#places && this.#mayHold(customer)) return this.#take(customer);
    const { quota, principal } = customer;
    if (quota !== undefined && this.#waiting.filter((waiter) => waiter.principal === principal).length >= quota.queued) {
      throw new WardError('busy', `${principal} has ${quota.queued} jobs in line already, as many as the policy allows.`);
    }
    if (this.#waiting.length >= this.#capacity && !this.#makeRoom(customer)) throw this.#full();
    const { promise, resolve, reject } = Promise.withResolvers<Release>();
    const waiter: Waiter = { ...customer, grant: resolve, refuse: reject };
    const leave = (): void => {
      const index = this.#waiting.indexOf(waiter);
      if (index >= 0) this.#waiting.splice(index, 1);
      reject(new WardError('cancelled'));
    };
    this.#waiting.push(waiter);
    signal.addEventListener('abort', leave, { once: true });
    onWait?.(this.#waiting.length);
    try {
      const release = await promise;
      if (!signal.aborted) return release;
      release();
      throw new WardError('cancelled');
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #full(): WardError {
    return new WardError('busy', `All ${this.#places} places are taken and ${this.#waiting.length} jobs stand in line.`);
  }

  /** Sends away the last of those who stand in line more often, for their weight, than the newcomer will. */
  #makeRoom(newcomer: Customer): boolean {
    const counts = new Map<string, number>();
    for (const { principal } of this.#waiting) counts.set(principal, (counts.get(principal) ?? 0) + 1);
    let greedy: Waiter | undefined;
    let most = ((counts.get(newcomer.principal) ?? 0) + 1) / newcomer.weight;
    for (const waiter of this.#waiting) {
      const share = counts.get(waiter.principal)! / waiter.weight;
      if (share > most || (share === most && greedy?.principal === waiter.principal)) {
        most = share;
        greedy = waiter;
      }
    }
    if (greedy === undefined) return false;
    this.#waiting.splice(this.#waiting.indexOf(greedy), 1);
    greedy.refuse(this.#full());
    return true;
  }

  #mayHold({ principal, quota }: Customer): boolean {
    return quota === undefined || (this.#held.get(principal) ?? 0) < quota.jobs;
  }

  #take(customer: Customer): Release {
    this.#taken++;
    this.#held.set(customer.principal, (this.#held.get(customer.principal) ?? 0) + 1);
    this.onChange();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#taken--;
      const left = (this.#held.get(customer.principal) ?? 1) - 1;
      if (left === 0) this.#held.delete(customer.principal);
      else this.#held.set(customer.principal, left);
      this.#next();
      this.onChange();
    };
  }

  #next(): void {
    if (this.#taken >= this.#places) return;
    let best = -1;
    let bestShare = Infinity;
    for (const [index, waiter] of this.#waiting.entries()) {
      const share = (this.#held.get(waiter.principal) ?? 0) / waiter.weight;
      if (share < bestShare && this.#mayHold(waiter)) {
        best = index;
        bestShare = share;
      }
    }
    const [winner] = best < 0 ? [] : this.#waiting.splice(best, 1);
    winner?.grant(this.#take(winner));
  }
}
