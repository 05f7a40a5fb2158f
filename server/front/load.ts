/**
 * What clients are told of this server's load. It rides on offers, places in line and results; only that slots are free again after all
 * were taken is said by itself, to those who lately had jobs here, and ten times a second at most.
 *
 * @module
 */
import type { Load } from '../../protocol/messages.ts';
import type { FairLine } from '../queue/fair-line.ts';
import type { Session } from './session.ts';

const leastMs = 100;
/** Who asked for nothing for so long is building nothing. */
const lateMs = 10_000;

/** A place beyond the slots is a place in which a job waits for one. */
export function loadOf(slots: number, { taken, waiting }: Pick<FairLine, 'taken' | 'waiting'>): Load {
  return { free: Math.max(0, slots - taken), waiting: waiting + Math.max(0, taken - slots) };
}

export class LoadHints {
  readonly #load: () => Load;
  readonly #now: () => number;
  /** Sessions that had jobs, and when the last one began. */
  readonly #recent = new Map<Session, number>();
  #full = false;
  #saidAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(load: () => Load, now: () => number = () => performance.now()) {
    this.#load = load;
    this.#now = now;
  }

  /** A job of this session begins. */
  began(session: Session): void {
    if (!this.#recent.has(session)) session.whenEnded(() => this.#recent.delete(session));
    this.#recent.set(session, this.#now());
  }

  /** A place was taken or given back. */
  changed(): void {
    const { free } = this.#load();
    if (free === 0) this.#full = true;
    else if (this.#full) this.#sayLater();
  }

  #sayLater(): void {
    if (this.#timer !== undefined) return;
    const wait = this.#saidAt + leastMs - this.#now();
    if (wait <= 0) return this.#say();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#say();
    }, wait).unref();
  }

  #say(): void {
    const load = this.#load();
    if (load.free === 0) return;
    this.#full = false;
    this.#saidAt = this.#now();
    for (const [session, at] of this.#recent) {
      if (this.#saidAt - at <= lateMs) session.channel.notify({ type: 'notice', event: 'load', ...load });
    }
  }
}
