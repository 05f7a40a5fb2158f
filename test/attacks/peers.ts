/**
 * Peers that break the rules below the level of a job: raw connections, hellos of any shape, and a session whose bytes are changed
 * on the way out.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import { decodeError } from '../../protocol/alert.ts';
import type { Channel } from '../../protocol/channel.ts';
import type { WardError } from '../../protocol/errors.ts';
import { encodeFrame, FrameDecoder, frameType } from '../../protocol/frame.ts';
import { clientHandshake } from '../../protocol/handshake.ts';
import { encodeClientHello, type Mechanism } from '../../protocol/hello.ts';
import { newKeyPair } from '../../protocol/keys.ts';
import { tlsExporter, webSocketTransport, type Transport } from '../../protocol/transport.ts';
import { openTls, openWebSocket, type Credential } from './raw-client.ts';

/** A valid hello, as the bytes of its frame. */
export const hello = (mechanism: Mechanism = 'cert', publicKey = newKeyPair().publicKey): Buffer =>
  encodeFrame(frameType.HELLO, 0, 0, 0, encodeClientHello({ nonce: randomBytes(32), publicKey, mechanism, target: 'localhost' }));

/** The hello with some bytes of its payload replaced. */
export const changedHello = (at: number, bytes: readonly number[]): Buffer => {
  const frame = hello();
  Buffer.from(bytes).copy(frame, 20 + at);
  return frame;
};

export const tcp = async (port: number): Promise<Socket> => {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
};

/** Resolves when the other side has closed; rejects after `ms`. */
export const closedWithin = (socket: Socket | TLSSocket | WebSocket, ms: number): Promise<number> => {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not closed within ${ms} ms`)), ms);
    const closed = (): void => {
      clearTimeout(timer);
      resolve(performance.now() - begun);
    };
    socket.once('close', closed);
    if ('resume' in socket) socket.resume();
  });
};

export interface Refused {
  /** What the server said before it closed. */
  readonly alert: WardError | undefined;
  /** WebSocket close code. */
  readonly code: number;
}

/** Opens a WebSocket, lets the attacker do what he likes, and waits for the server to close. */
export const provoke = async (
  credential: Credential, act: (webSocket: WebSocket, tls: TLSSocket) => void | Promise<void>, ms = 15_000,
): Promise<Refused> => {
  const tls = await openTls(credential);
  const webSocket = await openWebSocket(tls);
  const decoder = new FrameDecoder();
  let alert: WardError | undefined;
  webSocket.on('message', (data: Buffer) => {
    decoder.push(data);
    try {
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        if (frame.type === frameType.ALERT) alert = decodeError(frame.payload);
      }
    } catch {
      // Frames under keys that nobody here knows: the hello was good enough.
    }
  });
  const closed = new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => {
      webSocket.terminate();
      reject(new Error(`the server did not close within ${ms} ms`));
    }, ms);
    webSocket.once('close', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
  await act(webSocket, tls);
  return { code: await closed, alert };
};

/** A session whose own frames go through `change` before they leave. */
export const tamperedSession = async (
  credential: Credential, change: (bytes: Buffer) => Buffer[],
): Promise<{ channel: Channel; arm(): void }> => {
  const tls = await openTls(credential);
  const transport = webSocketTransport(await openWebSocket(tls));
  let armed = false;
  const tampering: Transport = {
    send: (buffers) => transport.send(armed ? change(Buffer.concat(buffers)) : buffers),
    get bufferedAmount() {
      return transport.bufferedAmount;
    },
    onDrain: (callback) => transport.onDrain(callback),
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    onData: (callback) => transport.onData(callback),
    onClose: (callback) => transport.onClose(callback),
    close: (code) => transport.close(code),
  };
  const channel = await clientHandshake(
    tampering, { authenticator: { mechanism: 'cert', target: 'localhost' }, exporter: tlsExporter(tls) },
  );
  await channel.ping();
  return { channel, arm: () => (armed = true) };
};
