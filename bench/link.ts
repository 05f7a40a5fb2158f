/**
 * A link between a client and a server that is slower than loopback: a relay in user space, which delays and paces what goes through
 * it, and counts it. All connections share the link, as all traffic of a host shares its line.
 *
 * Each direction is a token bucket: bytes leave at the link's rate, but a burst may go at once after a pause; each arrives `delayMs` after it has
 * left. A sender that is faster than the link is held back, as a full socket buffer would do it.
 *
 * @module
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface LinkOptions {
  /** From one end to the other, in milliseconds: half a round trip. */
  readonly delayMs: number;
  /** Bytes a second, in each direction. */
  readonly bytesPerSecond: number;
  /** The loopback address that the server sees; 127.0.0.1 unless said otherwise. */
  readonly from?: string;
}

/** No link at all: the bytes are only counted. */
export const unlimited: LinkOptions = { delayMs: 0, bytesPerSecond: Infinity };

/** What may leave at once after a pause. */
const burstBytes = 32 * 1024;
/** What may be on the way in one direction of one connection before its sender is held back. */
const windowBytes = 4 * 2 ** 20;

/** When bytes leave one end, and when they are at the other. */
export class Pace {
  readonly #options: LinkOptions;
  #busyUntil = -Infinity;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /**
   * @param now milliseconds on any clock that only goes forward
   * @returns when the last of these bytes arrives, on that clock
   */
  send(bytes: number, now: number): number {
    const { delayMs, bytesPerSecond } = this.#options;
    const perMs = bytesPerSecond / 1000;
    this.#busyUntil = Math.max(this.#busyUntil, now - burstBytes / perMs) + bytes / perMs;
    return Math.max(now, this.#busyUntil) + delayMs;
  }
}

/** One direction of one connection: chunks and the end arrive in order, each at its time. */
const carry = (from: Socket, to: Socket, pace: Pace, count: (bytes: number) => void): void => {
  const onTheWay: { readonly at: number; readonly chunk: Buffer | undefined }[] = [];
  let bytes = 0;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const deliver = (): void => {
    timer = undefined;
    while (onTheWay.length > 0 && onTheWay[0]!.at <= performance.now()) {
      const { chunk } = onTheWay.shift()!;
      if (chunk === undefined) {
        ended = true;
        to.end();
      } else {
        bytes -= chunk.length;
        to.write(chunk);
      }
    }
    if (bytes < windowBytes && !to.writableNeedDrain) from.resume();
    if (onTheWay.length > 0) timer = setTimeout(deliver, Math.max(0, onTheWay[0]!.at - performance.now()));
  };
  const accept = (chunk: Buffer | undefined): void => {
    const size = chunk?.length ?? 0;
    count(size);
    bytes += size;
    onTheWay.push({ at: pace.send(size, performance.now()), chunk });
    if (bytes >= windowBytes) from.pause();
    if (timer === undefined) deliver();
  };
  from.on('data', accept);
  from.on('end', () => accept(undefined));
  to.on('drain', deliver);
  from.on('close', () => from.errored !== null && to.destroy());
  to.on('close', () => {
    clearTimeout(timer);
    // After the end there is nothing more to carry, but the other direction may have something on the way.
    if (!ended) from.destroy();
  });
};

export class Link {
  readonly port: number;
  /** Bytes that clients have sent through it. */
  sent = 0;
  /** Bytes that came back. */
  received = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Listens on a loopback port and leads from there to another one. */
  static async open(target: number, options: LinkOptions): Promise<Link> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve());
    });
    const link = new Link(server);
    const [there, back] = [new Pace(options), new Pace(options)];
    server.on('connection', (client) => {
      const onward = connect({ port: target, host: '127.0.0.1', localAddress: options.from ?? '127.0.0.1', allowHalfOpen: true, noDelay: true });
      for (const socket of [client, onward]) {
        link.#sockets.add(socket);
        socket.on('error', () => socket.destroy());
        socket.once('close', () => link.#sockets.delete(socket));
      }
      carry(client, onward, there, (bytes) => { link.sent += bytes; });
      carry(onward, client, back, (bytes) => { link.received += bytes; });
    });
    return link;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => void this.#server.close(resolve));
  }
}
