/**
 * The session with one server under one credential, over all its connections: at most one takes jobs, opened when a job needs it. After a
 * failure the server rests, longer each time; meanwhile everybody gets the reason at once. Who was refused by name rests too, but
 * that says nothing against the server.
 *
 *   idle → connecting → connected → (lost) resting → connecting …
 *   refused: as resting, for a reason that waiting rarely cures
 *   connected → connected: with a better credential, over a new connection
 *
 * @module
 */
import { WardError, toWardError } from '../../protocol/errors.ts';
import type { OfferedToolchain, ServerNotice } from '../../protocol/messages.ts';
import type { HostStatus } from '../agent/farm-view.ts';
import type { Connection } from './connect.ts';
import { named } from './failure.ts';
import type { Host } from './hosts.ts';
import { Room } from './room.ts';

const firstRestMs = 250;
const longestRestMs = 30_000;
/** A refusal does not grow: a person may be correcting it right now. */
const refusedRestMs = 3_000;
/** Asking a KDC that is silent takes seconds, and jobs may wait for it. */
const silentKdcRestMs = 10_000;
/** What is wrong on this side only costs nothing to look at again. */
const ownErrors: ReadonlySet<string> = new Set(['credential-missing', 'credential-expired', 'config-invalid']);
/** A connection that was lost sooner did not prove the server to be well. */
const provenMs = 10_000;
/** Silence after which the server is pinged; twice that ends the session. */
const keepAliveMs = 15_000;
const connectMs = 10_000;

export type Connect = (signal: AbortSignal) => Promise<Connection>;

export class Session {
  readonly host: Host;
  /** Jobs under way here. */
  running = 0;
  /** What is known of the room for jobs there. */
  readonly rooms = new Room();
  readonly #connect: Connect;
  /** The one for new jobs. */
  #connection: Connection | undefined;
  /** Jobs by connection: an older one lives until its last job has ended. */
  readonly #jobs = new Map<Connection, number>();
  #renewing = false;
  #connecting: Promise<Connection> | undefined;
  #connectedAt = 0;
  #failures = 0;
  #restUntil = 0;
  #error: WardError | undefined;
  #retired = false;
  #ending = false;

  constructor(host: Host, connect: Connect) {
    this.host = host;
    this.#connect = connect;
  }

  /** The live connection, if there is one that takes new jobs. */
  get connection(): Connection | undefined {
    // The server ends it at the same moment; its word may still be on the way.
    const { expires = 0 } = this.#connection?.welcome ?? {};
    return this.#ending || (expires !== 0 && expires <= Date.now()) ? undefined : this.#connection;
  }

  /** Slots in which a job would run at once, as far as is known. */
  get room(): number {
    return this.rooms.free(this.#connection?.welcome.slots ?? 0);
  }

  get status(): HostStatus {
    const welcome = this.#connection?.welcome;
    const resting = this.#error !== undefined && performance.now() < this.#restUntil;
    const state = welcome !== undefined ? 'connected'
      : this.#connecting !== undefined ? 'connecting'
        : !resting ? 'idle'
          : this.#error!.retry === 'never' ? 'refused' : 'resting';
    return {
      name: this.host.name,
      state,
      running: this.running,
      ...(welcome === undefined ? {} : { slots: welcome.slots, mechanism: welcome.mechanism, principal: welcome.principal }),
      ...(resting && welcome === undefined ? { reason: this.#error!.code, message: this.#error!.message } : {}),
    };
  }

  /** A connection, made if need be. While the server rests, rejects at once with the reason. */
  ready(): Promise<Connection> {
    if (this.connection !== undefined) return Promise.resolve(this.connection);
    if (this.#connecting !== undefined) return this.#connecting;
    if (this.#retired) return Promise.reject(new WardError('session-lost', 'The session has ended.', { at: this.host.name }));
    if (this.#error !== undefined && performance.now() < this.#restUntil) return Promise.reject(this.#error);
    this.#connecting = this.#connect(AbortSignal.timeout(connectMs)).then(
      (connection) => this.#opened(connection),
      (thrown: unknown) => {
        this.#connecting = undefined;
        throw this.#failed(toWardError(thrown));
      },
    );
    return this.#connecting;
  }

  /**
   * A better credential is there: opens a successor with it, which takes the jobs from then on, while the old connection ends with its
   * last job. If that fails, the old one serves on as long as its own credential lasts.
   */
  renew(): void {
    if (this.#connection === undefined || this.#renewing || this.#retired) return;
    this.#renewing = true;
    this.#connect(AbortSignal.timeout(connectMs)).then(
      (successor) => void this.#opened(successor),
      () => {},
    ).finally(() => {
      this.#renewing = false;
    });
  }

  /** Ends the connections and their jobs; with an error, the server is told. */
  close(error?: WardError): void {
    this.#retired = true;
    for (const { channel } of new Set([...this.#jobs.keys(), ...(this.#connection === undefined ? [] : [this.#connection])])) channel.close(error);
    void this.#connecting?.then(({ channel }) => channel.close(error), () => {});
  }

  /** A job begins on the live connection; call the returned function at its end. */
  enter(): () => void {
    const connection = this.#connection;
    this.running += 1;
    if (connection !== undefined) this.#jobs.set(connection, (this.#jobs.get(connection) ?? 0) + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.running -= 1;
      if (connection !== undefined) this.#leave(connection);
    };
  }

  #leave(connection: Connection): void {
    const jobs = (this.#jobs.get(connection) ?? 1) - 1;
    if (jobs > 0) return void this.#jobs.set(connection, jobs);
    this.#jobs.delete(connection);
    if (this.#ending || connection !== this.#connection) connection.channel.close();
  }

  #opened(connection: Connection): Connection {
    const { channel } = connection;
    const old = this.#connection;
    this.#connecting = undefined;
    this.#connection = connection;
    if (old !== undefined && !this.#jobs.has(old)) old.channel.close();
    this.#connectedAt = performance.now();
    this.#error = undefined;
    this.#ending = this.#retired;
    if (this.#retired) channel.close();
    channel.keepAlive(keepAliveMs);
    channel.onNotice((notice) => this.#noticed(notice, connection));
    void channel.closed.then((error) => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      this.#ending = this.#retired;
      if (error !== undefined) this.#failed(error);
    });
    return connection;
  }

  /** Attacker-controlled: a server can only say less good of itself. */
  #noticed(notice: ServerNotice, connection: Connection): void {
    if (notice.type !== 'notice') {
      connection.channel.close(new WardError('protocol-violation', 'The server said welcome twice.'));
    } else if (notice.event === 'load') {
      this.rooms.heard({ free: notice.free ?? 0, waiting: notice.waiting ?? 0 });
    } else if (notice.event === 'toolchains') {
      connection.welcome.toolchains = notice.toolchains as OfferedToolchain[] ?? [];
    } else if (notice.event === 'stopping' && connection === this.#connection) {
      this.#ending = true;
      if (!this.#jobs.has(connection)) connection.channel.close();
    }
  }

  #failed(error: WardError): WardError {
    if (this.#connectedAt !== 0 && performance.now() - this.#connectedAt > provenMs) this.#failures = 0;
    this.#connectedAt = 0;
    this.#failures += 1;
    const grown = Math.min(longestRestMs, firstRestMs * 2 ** (this.#failures - 1));
    // Many clients of one server that comes back must not come back in the same moment.
    const rest = ownErrors.has(error.code) ? 0 : error.code === 'kdc-unreachable' ? Math.max(grown, silentKdcRestMs) : error.retry === 'never' ? refusedRestMs : grown * (0.75 + Math.random() / 2);
    this.#restUntil = performance.now() + rest;
    this.#error = named(error, this.host.name);
    return this.#error;
  }
}
