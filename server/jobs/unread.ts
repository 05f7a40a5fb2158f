/**
 * Results that clients have not taken yet. A client that reads slowly, or not at all, must not keep a place from others, nor fill
 * this server's disk or memory.
 *
 *  - A finished job gives its place back at once, while what its principal has not read stays within a share.
 *  - Beyond the share it keeps its place, so that a slow client slows itself down; but not for long.
 *  - A client that takes nothing at all for a while is given up.
 *  - Another server that fetches a kept result waits for some seconds only, and has no more time than that.
 *  - Kept results, which lie in memory while they are sent, are only taken out while there is room for them.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { Deadlines } from '../queue/deadlines.ts';

export interface UnreadLimits {
  /** Bytes that one principal may leave unread without keeping a place. */
  readonly share: number;
  /** Bytes of kept results in memory, of all principals. */
  readonly memory: number;
  /** How long a job beyond the share may hold its place while it is sent. */
  readonly heldMs: number;
  /** How long a client may take nothing. */
  readonly stallMs: number;
  /** How long a fetch of another server may last, whatever it takes meanwhile. */
  readonly fetchMs: number;
}

export const unreadLimits: UnreadLimits = Object.freeze({ share: 64 * 2 ** 20, memory: 256 * 2 ** 20, heldMs: 120_000, stallMs: 120_000, fetchMs: 30_000 });

export interface Sending {
  readonly principal: string;
  readonly bytes: number;
  /** Gives the job's place back; undefined when it has none. */
  readonly leavePlace?: (() => void) | undefined;
}

export class Unread {
  readonly #deadlines: Pick<Deadlines, 'after'>;
  readonly #limits: UnreadLimits;
  readonly #byPrincipal = new Map<string, number>();
  #memory = 0;

  constructor(deadlines: Pick<Deadlines, 'after'>, limits: UnreadLimits = unreadLimits) {
    this.#deadlines = deadlines;
    this.#limits = limits;
  }

  /** Bytes that somebody has not read yet. */
  of(principal: string): number {
    return this.#byPrincipal.get(principal) ?? 0;
  }

  /** Takes room in memory for a kept result; the function that is returned gives it back. Undefined: there is none. */
  hold(principal: string, bytes: number): (() => void) | undefined {
    if (this.#memory > 0 && this.#memory + bytes > this.#limits.memory) return undefined;
    if (this.of(principal) > 0 && this.of(principal) + bytes > this.#limits.share) return undefined;
    this.#memory += bytes;
    return this.#count(principal, bytes, () => (this.#memory -= bytes));
  }

  /** Waits until a result has been sent. @throws WardError `job-timeout` when its client is too slow for what it holds */
  async send({ principal, bytes, leavePlace }: Sending, sent: () => Promise<void>): Promise<void> {
    const taken = this.#count(principal, bytes);
    try {
      if (this.of(principal) > this.#limits.share) await this.within(this.#limits.heldMs, sent(), 'The client has too many results unread.');
      else {
        leavePlace?.();
        await sent();
      }
    } finally {
      taken();
    }
  }

  /** Sends a piece of a result. @throws WardError `job-timeout` when the client takes nothing for too long */
  write(stream: Stream, piece: Buffer, end: boolean): Promise<void> {
    return this.within(this.#limits.stallMs, stream.write(piece, { end }), 'The client does not take the result.');
  }

  /** Waits until another server has what it fetches. @throws WardError `job-timeout` when that lasts longer than it would wait itself */
  give(given: () => Promise<void>): Promise<void> {
    return this.within(this.#limits.fetchMs, given(), 'The server does not take the result in time.');
  }

  async within<T>(ms: number, work: Promise<T>, sentence: string): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const callOff = this.#deadlines.after(ms, () => reject(new WardError('job-timeout', sentence)));
    try {
      return await Promise.race([work, late]);
    } finally {
      callOff();
    }
  }

  #count(principal: string, bytes: number, afterwards: () => void = () => {}): () => void {
    this.#byPrincipal.set(principal, this.of(principal) + bytes);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const rest = this.of(principal) - bytes;
      if (rest === 0) this.#byPrincipal.delete(principal);
      else this.#byPrincipal.set(principal, rest);
      afterwards();
    };
  }
}
