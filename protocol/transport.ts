/**
 * A transport carries bytes both ways, in order: a WebSocket over TLS or over an SSH subsystem. WebSocket messages are
 * slices of the byte stream without meaning of their own. Small buffers are joined, large ones go out by reference, and
 * everything of one call leaves in one write.
 *
 * @module
 */
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import { limits } from './limits.ts';

export const SUBPROTOCOL = 'wardcc.1';

/** What servers of the farm say in TLS (SNI) when they come as peers: so their certificates are judged by the CA and list for servers. */
export const PEER_SERVERNAME = 'peer.wardcc.invalid';

export interface Transport {
  /** Sends the buffers in order. They must not change afterwards. */
  send(bytes: readonly Buffer[]): void;
  /** Bytes accepted and not yet given to the operating system. */
  readonly bufferedAmount: number;
  /** Called each time buffered bytes have left. One consumer. */
  onDrain(callback: () => void): void;
  /** Received bytes; what came before there was a consumer is delivered first. One consumer: a second replaces the first. */
  onData(callback: (chunk: Buffer) => void): void;
  /** Reads no more until `resume`; what was read already still comes. */
  pause(): void;
  resume(): void;
  /** Called once, also when the end came before the subscription. One consumer. */
  onClose(callback: (reason: string) => void): void;
  /** Ends the connection; a peer that does not answer is cut off after a moment. */
  close(code?: number): void;
}

const messageLimits = {
  perMessageDeflate: false,
  maxPayload: limits.webSocketBytes,
  maxFragments: limits.webSocketFragments,
  maxBufferedChunks: limits.webSocketChunks,
} as const;

const zeroMask = (mask: Buffer): void => {
  mask.fill(0);
};

/** Options for `new WebSocket(url, protocol, options)` on the client: a zero mask is sound inside TLS or SSH and costs no copy. */
export const webSocketClientOptions = Object.freeze({
  ...messageLimits,
  generateMask: zeroMask,
  followRedirects: false,
  skipUTF8Validation: true,
});

/** Options for `new WebSocketServer(options)`. */
export const webSocketServerOptions = Object.freeze({
  ...messageLimits,
  noServer: true,
  clientTracking: false,
  handleProtocols: (protocols: Set<string>): string | false => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
});

/** The exporter of a TLS connection (RFC 8446 7.5) with an empty context. */
export const tlsExporter = (socket: TLSSocket) => (label: string, length: number): Buffer =>
  socket.exportKeyingMaterial(length, label, Buffer.alloc(0));

/** From here on a buffer is sent by reference. */
const BY_REFERENCE = 4096;

/** Joins runs of small buffers and cuts what is larger than a WebSocket message may be. */
export const pack = (buffers: readonly Buffer[]): Buffer[] => {
  const packed: Buffer[] = [];
  let run: Buffer[] = [];
  let runBytes = 0;
  const finishRun = (): void => {
    if (run.length === 0) return;
    packed.push(run.length === 1 ? run[0]! : Buffer.concat(run, runBytes));
    run = [];
    runBytes = 0;
  };
  for (const buffer of buffers) {
    if (buffer.length < BY_REFERENCE) {
      if (runBytes + buffer.length > limits.webSocketBytes) finishRun();
      run.push(buffer);
      runBytes += buffer.length;
      continue;
    }
    finishRun();
    for (let start = 0; start < buffer.length; start += limits.webSocketBytes) {
      packed.push(buffer.subarray(start, start + limits.webSocketBytes));
    }
  }
  finishRun();
  return packed;
};

class WebSocketTransport implements Transport {
  readonly #ws: WebSocket;
  #drain: () => void = () => {};
  #data: ((chunk: Buffer) => void) | undefined;
  #early: Buffer[] = [];
  #close: ((reason: string) => void) | undefined;
  #reason: string | undefined;

  constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.binaryType = 'nodebuffer';
    ws.on('message', (data, isBinary) => {
      if (!isBinary) ws.close(1003);
      else if (this.#data === undefined) this.#early.push(data as Buffer);
      else this.#data(data as Buffer);
    });
    ws.on('error', (error) => this.#ended(error.message));
    ws.on('close', (code) => this.#ended(code === 1000 ? 'closed' : `closed with code ${code}`));
  }

  get bufferedAmount(): number {
    return this.#ws.bufferedAmount;
  }

  send(bytes: readonly Buffer[]): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    // ws has no public way to write several messages at once; without the cork each would be a system call and a TLS record.
    const socket = (this.#ws as unknown as { _socket?: Duplex })._socket;
    const packed = pack(bytes);
    socket?.cork();
    packed.forEach((message, index) => {
      if (index === packed.length - 1) this.#ws.send(message, () => this.#drain());
      else this.#ws.send(message);
    });
    socket?.uncork();
  }

  onDrain(callback: () => void): void {
    this.#drain = callback;
  }

  onData(callback: (chunk: Buffer) => void): void {
    this.#data = callback;
    while (this.#early.length > 0) this.#data(this.#early.shift()!);
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  onClose(callback: (reason: string) => void): void {
    this.#close = callback;
    const reason = this.#reason;
    if (reason !== undefined) queueMicrotask(() => callback(reason));
  }

  close(code = 1000): void {
    this.#ws.close(code);
    const timer = setTimeout(() => this.#ws.terminate(), 1000);
    timer.unref();
    this.#ws.once('close', () => clearTimeout(timer));
  }

  #ended(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#close?.(reason);
  }
}

/** Wraps an open WebSocket. Create it with the options above. */
export const webSocketTransport = (ws: WebSocket): Transport => new WebSocketTransport(ws);
