/**
 * This server as a client of another one of the farm: one connection, made when something is to be fetched and closed when nothing was for
 * a while. A server that fails rests, longer each time; meanwhile it is not asked.
 *
 * @module
 */
import { openTls, verifyServer, type Destination, type TlsMaterial } from '../../link/tls.ts';
import { openWebSocket, receivePeerWelcome } from '../../link/web-socket.ts';
import type { Channel } from '../../protocol/channel.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { clientHandshake } from '../../protocol/handshake.ts';
import type { Fetch } from '../../protocol/messages.ts';
import { PEER_SERVERNAME, tlsExporter } from '../../protocol/transport.ts';
import { abortable } from '../jobs/abortable.ts';

export interface PeerTimes {
  /** To connect. */
  readonly connectMs: number;
  /** To fetch something, beside what its bytes take. */
  readonly baseMs: number;
  /** A server that failed is not asked for so long; doubled each time. */
  readonly firstRestMs: number;
}

/** A job waits for it: a server of the same farm answers within a few milliseconds, unless it is very busy or something is wrong. */
export const peerTimes: PeerTimes = Object.freeze({ connectMs: 2_000, baseMs: 2_000, firstRestMs: 500 });
/** The slowest speed that beats compiling again. */
const bytesPerMs = 16 * 1024;
const idleMs = 60_000;
/** Silence after which the server is pinged; twice that ends the session. */
const silenceMs = 15_000;
const longestRestMs = 30_000;
/** Answers of a server that is well. */
const wellMeant: ReadonlySet<string> = new Set(['result-absent', 'busy']);

const trust = Object.freeze({ ca: 'shared.peers.ca in server.jsonc', crl: 'shared.peers.crl' });

/** Connects and proves on both sides who is there. @throws WardError what the other server refused, or why it was not believed or reached */
const connectPeer = async ({ to, times }: PeerLinkOptions, material: TlsMaterial, signal: AbortSignal): Promise<Channel> => {
  const socket = await openTls({ to, servername: PEER_SERVERNAME, material, from: 'shared.peers in server.jsonc', signal });
  try {
    verifyServer(socket, to, [to.host], { names: 'the farm file', trust });
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  }
  const transport = await openWebSocket(socket, to, to.host, signal);
  const channel = await clientHandshake(transport, {
    authenticator: { mechanism: 'peer', target: to.host }, exporter: tlsExporter(socket), timeoutMs: times.connectMs,
  });
  await receivePeerWelcome(channel, signal);
  return channel;
};

/** Attacker-controlled. Exactly so many bytes of an answer. */
const receiveBody = (stream: ReturnType<Channel['fetch']>, bytes: number, server: string, signal: AbortSignal): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const body = Buffer.allocUnsafeSlow(bytes);
    let filled = 0;
    const fail = (error: WardError): void => {
      stream.reset(error);
      over();
      reject(error);
    };
    const late = (): void => fail(new WardError('job-timeout', `The server ${server} did not send a kept result in time.`));
    const over = (): void => signal.removeEventListener('abort', late);
    signal.addEventListener('abort', late, { once: true });
    stream.onMessage(() => fail(new WardError('protocol-violation', `The server ${server} answered a fetch with a message.`)));
    stream.onData((chunk) => {
      if (filled + chunk.length > bytes) return fail(new WardError('blob-corrupt', `The server ${server} sent more of a kept result than there is.`));
      filled += chunk.copy(body, filled);
      stream.consumed(chunk.length);
    });
    stream.onEnd(() => {
      if (filled < bytes) return fail(new WardError('blob-corrupt', `The server ${server} sent less of a kept result than there is.`));
      over();
      resolve(body);
    });
    stream.onReset((error) => {
      over();
      reject(error);
    });
  });

export interface PeerLinkOptions {
  readonly to: Destination;
  /** Asked at each fetch: certificates and lists change. The same buffers as long as they do not. */
  readonly material: () => TlsMaterial;
  readonly times: PeerTimes;
  /** It rests now; told the first time only, until it has answered again. */
  trouble(error: WardError): void;
}

export class PeerLink {
  readonly #options: PeerLinkOptions;
  #channel: Promise<Channel> | undefined;
  /** By what the server was judged. */
  #judgedBy: TlsMaterial | undefined;
  #fetching = 0;
  #idle: NodeJS.Timeout | undefined;
  #failures = 0;
  #restUntil = 0;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
  }

  get port(): number {
    return this.#options.to.port;
  }

  /** There is a connection, or one is being made. */
  get isOpen(): boolean {
    return this.#channel !== undefined;
  }

  /** It failed a moment ago, and is not asked now. */
  get rests(): boolean {
    return performance.now() < this.#restUntil;
  }

  /**
   * Fetches parts of a kept result.
   *
   * @param bytes of all of them
   * @param check throws when it is not what was kept
   * @throws WardError `blob-corrupt` when something else came, or why nothing did
   */
  async fetch(message: Fetch, bytes: number, check: (body: Buffer) => void): Promise<void> {
    clearTimeout(this.#idle);
    this.#fetching++;
    try {
      const channel = await this.#connected();
      const { to, times } = this.#options;
      check(await receiveBody(channel.fetch(message), bytes, to.name, AbortSignal.timeout(Math.ceil(times.baseMs + bytes / bytesPerMs))));
      this.#failures = 0;
    } catch (thrown) {
      const error = toWardError(thrown);
      if (wellMeant.has(error.code)) this.#failures = 0;
      else this.#failed(error);
      throw error;
    } finally {
      if (--this.#fetching === 0) this.#idle = setTimeout(() => this.close(), idleMs).unref();
    }
  }

  close(error?: WardError): void {
    clearTimeout(this.#idle);
    void this.#channel?.then((channel) => channel.close(error), () => {});
    this.#channel = undefined;
  }

  /** Who is there was judged by another list than that of today. What is being fetched still comes, and is judged by its digests. */
  #leave(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel !== undefined) setTimeout(() => void channel.then((open) => open.close(), () => {}), idleMs).unref();
  }

  /** What fails together counts once. Who is there is asked anew after the rest. */
  #failed(error: WardError): void {
    if (this.rests) return;
    this.#failures++;
    this.#restUntil = performance.now() + Math.min(longestRestMs, this.#options.times.firstRestMs * 2 ** (this.#failures - 1));
    this.close(error);
    if (this.#failures === 1) this.#options.trouble(error);
  }

  #connected(): Promise<Channel> {
    const { to, times } = this.#options;
    const material = this.#options.material();
    if (this.#channel !== undefined && material.ca === this.#judgedBy?.ca && material.crl === this.#judgedBy.crl) return this.#channel;
    this.#leave();
    const signal = AbortSignal.timeout(times.connectMs);
    const connecting = connectPeer(this.#options, material, signal);
    this.#judgedBy = material;
    const late = new WardError('connect-failed', `The server ${to.name} cannot be reached: it does not answer.`, { at: to.name });
    const channel = abortable(connecting, signal).catch((thrown: unknown) => {
      void connecting.then((one) => one.close(), () => {});
      throw thrown instanceof WardError ? thrown : late;
    });
    this.#channel = channel;
    const forget = (): void => {
      if (this.#channel === channel) this.#channel = undefined;
    };
    channel.then((open) => {
      open.keepAlive(silenceMs);
      void open.closed.then(forget);
    }, forget);
    return channel;
  }
}
