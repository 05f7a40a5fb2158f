/**
 * Equal jobs at the same time cost one compile: who comes second waits for the first one's result. The compile belongs to
 * all who wait for it: it goes on when the first one leaves, and dies when nobody is left.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';

/** A shared piece of work, as one of those who wait for it sees it. */
export interface Boarding<T> {
  readonly result: Promise<T>;
  /** Not needed any more: the last one who leaves ends the work, or disposes of its result. */
  leave(): void;
}

interface Flight<T> {
  readonly ending: AbortController;
  readonly result: Promise<T>;
  passengers: number;
}

export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();
  readonly #dispose: (result: T) => void;

  /** @param dispose called once with each result when the last one who waited for it has left */
  constructor(dispose: (result: T) => void) {
    this.#dispose = dispose;
  }

  /** Is this work under way? */
  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /** Joins the work under way for `key`, or starts it. */
  board(key: string, work: (signal: AbortSignal) => Promise<T>): Boarding<T> {
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.passengers++;
    let left = false;
    return {
      result: flight.result,
      leave: () => {
        if (left) return;
        left = true;
        if (--flight.passengers > 0) return;
        // Work that has landed is no more among them, and there is nothing to end.
        if (this.#flights.get(key) === flight) {
          this.#flights.delete(key);
          flight.ending.abort(new WardError('cancelled'));
        }
        flight.result.then(this.#dispose, () => {});
      },
    };
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const ending = new AbortController();
    const flight: Flight<T> = { ending, result: work(ending.signal), passengers: 0 };
    flight.result.catch(() => {});
    this.#flights.set(key, flight);
    // A result that is there is no work under way: who comes now looks it up, or does it anew.
    const landed = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    flight.result.then(landed, landed);
    return flight;
  }
}
