/**
 * All live sessions. Expiry and revocation are found here: one look a second at clocks, and a look at everybody whenever
 * policy, committers or revocation lists changed.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { Session } from './session.ts';

const lookMs = 1_000;

export class Sessions {
  readonly #live = new Set<Session>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#expire(), lookMs).unref();
  }

  get size(): number {
    return this.#live.size;
  }

  add(session: Session): void {
    this.#live.add(session);
    session.whenEnded(() => this.#live.delete(session));
  }

  /** Decides every live session again; `judge` returns why a session must end, or undefined. */
  judgeAll(judge: (session: Session) => WardError | undefined): void {
    for (const session of [...this.#live]) {
      const reason = session.identity.stillValid() ?? judge(session);
      if (reason !== undefined) session.end(reason);
    }
  }

  endAll(reason: WardError): void {
    clearInterval(this.#timer);
    for (const session of [...this.#live]) session.end(reason);
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
