/**
 * Two transports joined in memory: what one sends the other receives, asynchronously, in pieces of a size that the test chooses,
 * and through a hook that may change, drop or repeat bytes.
 *
 * @module
 */
import { setImmediate as tick } from 'node:timers/promises';
import type { Accepted, ClientAuthenticator, Exporter, ServerAuthenticator } from '../../protocol/handshake.ts';
import { clientHandshake, serverHandshake } from '../../protocol/handshake.ts';
import type { Channel } from '../../protocol/channel.ts';
import type { Mechanism } from '../../protocol/hello.ts';
import type { Transport } from '../../protocol/transport.ts';

export class MemoryTransport implements Transport {
  peer!: MemoryTransport;
  /** Largest chunk that is delivered. */
  piece = Infinity;
  /** What happens to bytes on the way out. */
  change: (bytes: Buffer) => Buffer[] = (bytes) => [bytes];
  /** While true nothing leaves: the peer's reader has stalled. */
  stalled = false;
  bufferedAmount = 0;
  sentBytes = 0;
  sends = 0;
  /** 1 while its reader has enough to do. */
  pauses = 0;
  #data: ((chunk: Buffer) => void) | undefined;
  #early: Buffer[] = [];
  #close: ((reason: string) => void) | undefined;
  #drain: () => void = () => {};
  #queue: Buffer[] = [];
  #running = false;
  closed = false;

  send(bytes: readonly Buffer[]): void {
    if (this.closed) return;
    this.sends += 1;
    const joined = Buffer.concat(bytes);
    this.sentBytes += joined.length;
    this.bufferedAmount += joined.length;
    this.#queue.push(joined);
    this.run();
  }

  run(): void {
    if (this.#running || this.stalled) return;
    this.#running = true;
    setImmediate(() => {
      this.#running = false;
      const queue = this.#queue.splice(0);
      for (const bytes of queue) {
        this.bufferedAmount -= bytes.length;
        for (const changed of this.change(bytes)) {
          for (let at = 0; at < changed.length; at += this.piece) {
            this.peer.deliver(changed.subarray(at, Math.min(changed.length, at + this.piece)));
          }
        }
      }
      this.#drain();
    });
  }

  deliver(chunk: Buffer): void {
    if (this.#data === undefined) this.#early.push(chunk);
    else this.#data(chunk);
  }

  onDrain(callback: () => void): void {
    this.#drain = callback;
  }

  onData(callback: (chunk: Buffer) => void): void {
    this.#data = callback;
    while (this.#early.length > 0) this.#data(this.#early.shift()!);
  }

  pause(): void {
    this.pauses += 1;
  }

  resume(): void {
    this.pauses -= 1;
  }

  onClose(callback: (reason: string) => void): void {
    this.#close = callback;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    // The bytes that were sent before arrive before the end does.
    setImmediate(() => setImmediate(() => {
      this.#close?.('closed');
      this.peer.closed = true;
      this.peer.#close?.('closed by the peer');
    }));
  }
}

export const transportPair = (): [MemoryTransport, MemoryTransport] => {
  const client = new MemoryTransport();
  const server = new MemoryTransport();
  client.peer = server;
  server.peer = client;
  return [client, server];
};

/** An exporter as both ends of one TLS connection see it. */
export const fixedExporter: Exporter = (label, length) => Buffer.alloc(length, label);

export const certClient: ClientAuthenticator = { mechanism: 'cert', target: 'localhost' };
export const acceptAll: ServerAuthenticator = { accept: async () => 'alice' };

export interface SessionPair {
  client: Channel;
  server: Channel;
  accepted: Accepted;
  clientTransport: MemoryTransport;
  serverTransport: MemoryTransport;
}

/** Both ends of a session over memory. */
export const sessionPair = async (
  authenticator: ClientAuthenticator = certClient,
  authenticators: ReadonlyMap<Mechanism, ServerAuthenticator> = new Map([['cert', acceptAll]]),
): Promise<SessionPair> => {
  const [clientTransport, serverTransport] = transportPair();
  const [client, accepted] = await Promise.all([
    clientHandshake(clientTransport, { authenticator, exporter: fixedExporter, timeoutMs: 60_000 }),
    serverHandshake(serverTransport, { authenticators, exporter: fixedExporter, timeoutMs: 60_000 }),
  ]);
  return { client, server: accepted.channel, accepted, clientTransport, serverTransport };
};

/** Waits until `condition` holds; half a minute is long enough for the busiest machine. */
export const until = async (condition: () => boolean): Promise<void> => {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('the condition did not become true');
    await tick();
  }
};
