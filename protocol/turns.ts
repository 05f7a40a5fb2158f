/**
 * What came from a peer is worked through a few milliseconds at a time; between two such turns everybody else has theirs. Until all of it is
 * done, no more is read: a peer that sends faster than it is served waits in its own send buffer.
 *
 * @module
 */

/** What is read from. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/** Milliseconds of one turn. What a message sets off runs after that, so all of it takes some times as long. */
const turnMs = 2;

export class Turns {
  readonly #step: () => boolean;
  readonly #flow: Flow;
  #next: NodeJS.Immediate | undefined;

  /** @param step does one piece, and says whether there may be another; it does not throw */
  constructor(step: () => boolean, flow: Flow) {
    this.#step = step;
    this.#flow = flow;
  }

  /** There is something to do: begins with it now, unless it is under way. */
  begin(): void {
    if (this.#next === undefined) this.#turn();
  }

  /** Does all that is left at once: the peer is gone, and sends no more. */
  finish(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
    while (this.#step());
  }

  #turn(): void {
    const end = performance.now() + turnMs;
    while (this.#step()) {
      if (performance.now() < end) continue;
      this.#flow.pause();
      this.#next = setImmediate(() => {
        this.#next = undefined;
        this.#turn();
        if (this.#next === undefined) this.#flow.resume();
      });
      return;
    }
  }
}
