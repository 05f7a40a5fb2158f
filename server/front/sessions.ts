/**
 * All live sessions. Expiry and revocation are found here: one look a second at clocks, and a look at everybody whenever
 * policy, committers or revocation lists changed.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { Notice } from '../../protocol/messages.ts';
import type { LiveIdentity, LiveSession, Session } from './session.ts';

const lookMs = 1_000;

/** Why a session must end, or undefined. */
export type Judge<S = Session> = (session: S) => WardError | undefined;

export class Sessions<S extends LiveSession<LiveIdentity> = Session> {
  readonly #live = new Set<S>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#expire(), lookMs).unref();
  }

  get size(): number {
    return this.#live.size;
  }

  /** From now on the session is among those that are judged; `judge` is asked at once, because something may have changed while it opened. */
  add(session: S, judge: Judge<S>): void {
    this.#live.add(session);
    session.whenEnded(() => this.#live.delete(session));
    this.#judge(session, judge);
  }

  /** Decides every live session again. */
  judgeAll(judge: Judge<S>): void {
    for (const session of [...this.#live]) this.#judge(session, judge);
  }

  /** Tells everybody something about this server. */
  notify(notice: Notice): void {
    for (const { channel } of this.#live) channel.notify(notice);
  }

  endAll(reason: WardError): void {
    clearInterval(this.#timer);
    for (const session of [...this.#live]) session.end(reason);
  }

  #judge(session: S, judge: Judge<S>): void {
    const reason = session.identity.stillValid() ?? judge(session);
    if (reason !== undefined) session.end(reason);
  }

  #expire(): void {
    const now = Date.now();
    for (const session of [...this.#live]) {
      const { expires } = session.identity;
      if (expires !== 0 && expires <= now) {
        session.end(new WardError('credential-expired', `The credential of ${session.principal} ended at ${new Date(expires).toISOString()}.`));
      }
    }
  }
}
