/**
 * Deadlines of all jobs, looked at by one timer: a timer a job would cost more than the look. Coarse by a quarter of a
 * second, which no deadline of more than that minds; a shorter one has a timer of its own.
 *
 * @module
 */
const tickMs = 250;

interface Deadline {
  readonly at: number;
  readonly expire: () => void;
}

export class Deadlines {
  readonly #all = new Set<Deadline>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#look(), tickMs).unref();
  }

  /** Calls `expire` once, `ms` milliseconds from now, or up to a tick later where that is longer than a tick; the function that is returned calls it off. */
  after(ms: number, expire: () => void): () => void {
    if (ms < tickMs) {
      const timer = setTimeout(expire, ms);
      return () => clearTimeout(timer);
    }
    const deadline: Deadline = { at: performance.now() + ms, expire };
    this.#all.add(deadline);
    return () => this.#all.delete(deadline);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    for (const deadline of this.#all) {
      if (deadline.at > now) continue;
      this.#all.delete(deadline);
      deadline.expire();
    }
  }
}
