/**
 * How much room one server has, as far as this side can know: what it said last, with the jobs of ours that came and went since.
 *
 * @module
 */
import type { Load } from '../../protocol/messages.ts';

/** What a server said longer ago says nothing of now. */
const staleMs = 10_000;

export class Room {
  /** Called when there is room that was not there before. */
  onMore: () => void = () => {};
  /** Places that our jobs hold. */
  #held = 0;
  #said: { readonly free: number; readonly held: number; readonly at: number } | undefined;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A job of ours got a place. The function that is returned gives it back. */
  hold(): () => void {
    this.#held += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#held -= 1;
    };
  }

  /** The server said how it looks there. Attacker-controlled: it can only draw jobs to itself, or not. */
  heard(load: Load | undefined): void {
    if (load === undefined) return;
    this.#said = { free: load.free, held: this.#held, at: this.#now() };
    if (load.free > 0) this.onMore();
  }

  /** Slots in which a job would run at once. @param slots what the server has in all */
  free(slots: number): number {
    const said = this.#said;
    if (said === undefined || this.#now() - said.at > staleMs) return slots - this.#held;
    return said.free - (this.#held - said.held);
  }
}
