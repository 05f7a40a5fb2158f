/**
 * Results whose bytes lie with another server of the farm, because they are too large for the cache that all share. A convenience, never a
 * dependency: a server that does not answer soon, or has nothing, is a miss; one that sends something else is a miss and an alarm.
 *
 * The record was verified before: signed by a keeper of the farm, for this action. It names the server, and the digest of every part; what
 * comes is believed no further than that.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { TlsMaterial } from '../../link/tls.ts';
import { inOrder } from '../../protocol/action.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { Part, ResultRecord } from '../store/result-record.ts';
import { PeerLink, peerTimes, type PeerTimes } from './peer-link.ts';

/** Fetches at once; who comes then compiles. Each takes no more memory than a result that is kept may have. */
const mostFetches = 16;

export interface Held {
  /** Cache domain. */
  readonly domain: string;
  /** Verified. */
  readonly record: ResultRecord;
  /** Where its server is reached, under the name in the record. */
  readonly port: number;
}

export interface PeerResultsOptions {
  /** Name of this server, which is not asked. */
  readonly own: string;
  readonly material: () => TlsMaterial;
  readonly times?: PeerTimes;
  /** Something else came than was kept. */
  damaged(error: WardError): void;
  /** A server cannot be asked. Told once, until it can be again. */
  trouble(error: WardError): void;
}

/** A part that is here already. */
type Local = (part: Part) => Promise<Buffer | undefined>;

export class PeerResults {
  readonly #options: PeerResultsOptions;
  readonly #links = new Map<string, PeerLink>();
  /** Fetches under way: who wants the same waits for the same. */
  readonly #flights = new Map<string, Promise<readonly Buffer[] | undefined>>();

  constructor(options: PeerResultsOptions) {
    this.#options = options;
  }

  /** Standard output, standard error and outputs of a result, in this order and checked; undefined is a miss. Never rejects. */
  bring(held: Held, local: Local): Promise<readonly Buffer[] | undefined> {
    // Of one action there may be several results, when a compiler does not make the same twice.
    const { action, server, signature } = held.record;
    const key = JSON.stringify([held.domain, action, server, signature]);
    const known = this.#flights.get(key);
    if (known !== undefined) return known;
    if (server === this.#options.own || this.#flights.size >= mostFetches) return Promise.resolve(undefined);
    const flight = this.#bring(held, local).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  async #bring({ domain, record, port }: Held, local: Local): Promise<readonly Buffer[] | undefined> {
    const link = this.#link(record.server, port);
    if (link.rests) return undefined;
    const parts = inOrder<Part>(record);
    const bodies = await Promise.all(parts.map(local));
    const missing = parts.flatMap((part, index) => (bodies[index] === undefined ? [{ ...part, at: index }] : []));
    const bytes = missing.reduce((sum, { size }) => sum + size, 0);
    if (missing.length === 0) return bodies as Buffer[];
    const check = (body: Buffer): void => {
      let from = 0;
      for (const { at, digest, size } of missing) {
        const content = body.subarray(from, (from += size));
        if (hash('sha256', content, 'hex') !== digest) throw new WardError('blob-corrupt', `The server ${record.server} sent another content for a part of the result of ${record.action}.`);
        bodies[at] = content;
      }
    };
    try {
      await link.fetch({ type: 'fetch', domain, action: record.action, parts: missing.map(({ at }) => at) }, bytes, check);
      return bodies as Buffer[];
    } catch (thrown) {
      const error = toWardError(thrown);
      if (error.code === 'blob-corrupt') this.#options.damaged(error);
      return undefined;
    }
  }

  /**
   * A port that has changed is that of a server which was started anew. Nobody has signed the port, so another one ends no connection to a
   * server that has proved its name, and no rest.
   */
  #link(server: string, port: number): PeerLink {
    const known = this.#links.get(server);
    if (known !== undefined && (known.port === port || known.isOpen || known.rests)) return known;
    const { material, times = peerTimes } = this.#options;
    const trouble = (error: WardError): void => {
      if (error.code !== 'blob-corrupt') this.#options.trouble(new WardError(error.code, `Results that the server ${server} keeps cannot be fetched: ${error.message}`, { cause: error }));
    };
    const link = new PeerLink({ to: { name: server, host: server, port }, material, times, trouble });
    this.#links.set(server, link);
    return link;
  }
}
