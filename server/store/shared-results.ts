/**
 * Results that the servers of a farm share through Redis. A convenience, never a dependency: what does not answer within a
 * tight deadline is a miss, what cannot be opened is a miss and an alarm, and keeping happens behind everybody's back.
 *
 * A result that is too large goes there without its bytes: its record says which server has them.
 *
 * @module
 */
import { Redis, type RedisOptions } from 'ioredis';
import { inOrder } from '../../protocol/action.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { KeptResult } from './result-cache.ts';
import { Sealing, type HeldResult } from './sealed-value.ts';
import { openSharedConfig, type SharedCacheConfig } from './shared-config.ts';

/** How long a look-up may hold up a job. */
const deadlineMs = 20;
/** The bytes of larger results stay with the server that made them. */
const largestValue = 4 * 2 ** 20;
/** Results that wait to be kept; more are dropped: keeping is a favour. */
const mostWaiting = 64;
const longestRestMs = 5_000;
/** Nobody asked for it for so long: it may go. */
const lifetimeSeconds = 14 * 24 * 3600;

export interface SharedResultsEvents {
  /** A value is damaged or forged. */
  damaged(error: WardError): void;
  /** The connection was lost, or is there again. Told once for each change. */
  connected(is: boolean): void;
}

export class SharedResults {
  readonly #redis: Redis;
  readonly #sealing: Sealing;
  readonly #events: SharedResultsEvents;
  #waiting = 0;
  #port: number | undefined;
  #up = false;

  /** @param connection where and as whom; each server has an account of its own there */
  constructor(connection: RedisOptions, sealing: Sealing, events: SharedResultsEvents) {
    this.#sealing = sealing;
    this.#events = events;
    this.#redis = new Redis({
      ...connection,
      replyMapping: 'legacy',
      // Without a connection a question has its answer at once: a miss.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      enableAutoPipelining: true,
      // Its account may get and set, and nothing else.
      enableReadyCheck: false,
      disableClientInfo: true,
      connectTimeout: 2_000,
      retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), longestRestMs),
      reconnectOnError: () => false,
    });
    this.#redis.on('error', () => {});
    this.#redis.on('ready', () => this.#became(true));
    this.#redis.on('close', () => this.#became(false));
  }

  /** From now on other servers reach this one there, to fetch what is too large to be shared. */
  giveAt(port: number): void {
    this.#port = port;
  }

  get connected(): boolean {
    return this.#up;
  }

  /** A result that some server kept, checked bit by bit, or its record alone; whether its signature counts is for the caller. */
  async find(domain: string, action: string): Promise<KeptResult | HeldResult | undefined> {
    if (!this.#up) return undefined;
    const name = this.#sealing.name(domain, action);
    const { promise: late, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(() => resolve(null), deadlineMs);
    try {
      const value = await Promise.race([this.#redis.getBuffer(name).catch(() => null), late]);
      return value === null ? undefined : this.#sealing.open(name, action, value);
    } catch (thrown) {
      this.#events.damaged(toWardError(thrown));
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Keeps a result. Returns at once; nobody learns whether it worked. */
  keep(domain: string, action: string, result: KeptResult): void {
    const bytes = inOrder(result).reduce((sum, { length }) => sum + length, 0);
    const isLarge = bytes > largestValue;
    if (!this.#up || this.#waiting >= mostWaiting || (isLarge && this.#port === undefined)) return;
    this.#waiting++;
    const name = this.#sealing.name(domain, action);
    const value = isLarge ? this.#sealing.sealHeld(name, { record: result.record, port: this.#port! }) : this.#sealing.seal(name, result);
    void this.#redis
      .set(name, value, 'EX', lifetimeSeconds)
      .catch(() => undefined)
      .finally(() => {
        this.#waiting--;
      });
  }

  close(): void {
    this.#redis.disconnect();
  }

  #became(up: boolean): void {
    if (this.#up === up) return;
    this.#up = up;
    this.#events.connected(up);
  }
}

/** Connects to the cache that the configuration names. `trouble` hears of forgeries, and of the cache coming and going. @throws WardError `config-invalid` */
export function shareResults(config: SharedCacheConfig, trouble: (error: WardError) => void): SharedResults {
  const { connection, farmKey } = openSharedConfig(config);
  const connected = (is: boolean): void => {
    if (!is) trouble(new WardError('session-lost', 'The shared cache is gone: until it is back, results are found on this server only.'));
  };
  return new SharedResults(connection, new Sealing(farmKey), { damaged: trouble, connected });
}
