/**
 * Single flight: of all jobs that wait for one blob, one asks its client for it and the others wait. When the one that
 * asked goes away, whoever still waits asks in its place.
 *
 * @module
 */
import type { WardError } from '../../protocol/errors.ts';

interface Flight {
  readonly owner: object;
  /** Its client was asked for it; else it has promised it by itself. */
  readonly asked: boolean;
  readonly settled: Promise<WardError | undefined>;
  readonly settle: (why?: WardError) => void;
}

export class Uploads {
  readonly #flights = new Map<string, Flight>();

  /**
   * Takes it upon `owner` (a session) to bring a blob; false when somebody else already does.
   *
   * @param asked its client is asked for it now
   */
  claim(domain: string, digest: string, owner: object, asked = false): boolean {
    const key = `${domain}\0${digest}`;
    if (this.#flights.has(key)) return false;
    const { promise, resolve } = Promise.withResolvers<WardError | undefined>();
    this.#flights.set(key, { owner, asked, settled: promise, settle: resolve });
    return true;
  }

  /** Was this very owner asked for the blob, and has not brought it yet? */
  isAsked(domain: string, digest: string, owner: object): boolean {
    const flight = this.#flights.get(`${domain}\0${digest}`);
    return flight?.owner === owner && flight.asked;
  }

  /** Which of these domains waits for this blob from this owner? */
  domainAwaiting(domains: Iterable<string>, digest: string, owner: object): string | undefined {
    for (const domain of domains) if (this.#flights.get(`${domain}\0${digest}`)?.owner === owner) return domain;
    return undefined;
  }

  /** Resolves when the flight has ended, with the reason where there is one why it ended badly; at once when there is none. */
  settled(domain: string, digest: string): Promise<WardError | undefined> {
    return this.#flights.get(`${domain}\0${digest}`)?.settled ?? Promise.resolve(undefined);
  }

  /** The blob is here, or nobody believes any more that it will come from this flight. */
  settle(domain: string, digest: string, why?: WardError): void {
    const key = `${domain}\0${digest}`;
    this.#flights.get(key)?.settle(why);
    this.#flights.delete(key);
  }

  /** It will not come from `owner`. What somebody else has taken upon themselves meanwhile goes on. */
  giveUp(domain: string, digest: string, owner: object, why?: WardError): void {
    if (this.#flights.get(`${domain}\0${digest}`)?.owner === owner) this.settle(domain, digest, why);
  }

  /** A session ended: everything it had promised is free for others. */
  abandon(owner: object): void {
    for (const [key, flight] of this.#flights) {
      if (flight.owner !== owner) continue;
      this.#flights.delete(key);
      flight.settle();
    }
  }
}
