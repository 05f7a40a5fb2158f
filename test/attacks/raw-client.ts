/**
 * A client as an attacker would write it: the protocol and nothing else. It decides nothing, checks nothing and sends what it is
 * told to. It holds a committer's certificate.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import type { Channel, Stream } from '../../protocol/channel.ts';
import type { ChannelStream } from '../../protocol/stream.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { clientHandshake } from '../../protocol/handshake.ts';
import type { Probe, Result, ServerMessage, Welcome } from '../../protocol/messages.ts';
import { SUBPROTOCOL, tlsExporter, webSocketClientOptions, webSocketTransport } from '../../protocol/transport.ts';

export interface Credential {
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RawSession {
  readonly channel: Channel;
  readonly welcome: Welcome;
  readonly tls: TLSSocket;
  readonly webSocket: WebSocket;
}

export interface Answer {
  readonly result: Result;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly outputs: readonly Buffer[];
}

export interface Submission {
  readonly probe: Probe;
  readonly tree: Buffer;
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** What is sent for a digest that the server misses, where that is not simply its content. */
  readonly send?: (digest: string, channel: Channel) => void;
}

const within = <T>(ms: number, what: string, promise: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new WardError('internal', `The server did not answer within ${ms} ms: ${what}.`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

export const openTls = ({ port, ca, cert, key }: Credential): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = tlsConnect({
      host: '127.0.0.1', port, minVersion: 'TLSv1.3',
      ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key),
    });
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      resolve(socket);
    });
  });

/** The WebSocket on a TLS connection; `headers` and `protocol` as an attacker may choose them. */
export const openWebSocket = (socket: TLSSocket, headers: Record<string, string> = {}, protocol = SUBPROTOCOL): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const webSocket = new WebSocket('ws://localhost/', protocol, { ...webSocketClientOptions, headers, createConnection: () => socket });
    webSocket.once('error', reject);
    webSocket.once('open', () => {
      webSocket.off('error', reject);
      webSocket.on('error', () => {});
      resolve(webSocket);
    });
  });

/** Authenticates and waits for the welcome. @throws WardError why the server closed */
export const openSession = async (credential: Credential): Promise<RawSession> => {
  const tls = await within(10_000, 'TLS', openTls(credential));
  const webSocket = await within(10_000, 'WebSocket', openWebSocket(tls));
  const channel = await clientHandshake(webSocketTransport(webSocket), {
    authenticator: { mechanism: 'cert', target: 'localhost' }, exporter: tlsExporter(tls),
  });
  const welcome = await within(10_000, 'welcome', new Promise<Welcome>((resolve, reject) => {
    channel.onNotice((notice) => {
      if (notice.type === 'welcome') resolve(notice);
    });
    void channel.closed.then((error) => reject(error ?? new WardError('session-lost')));
  }));
  return { channel, welcome, tls, webSocket };
};

/** Sends a job from its probe to its last blob. @throws WardError the server's typed answer */
export const submit = ({ channel }: RawSession, submission: Submission, timeoutMs = 40_000): Promise<Answer> => {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const stream = channel.open(submission.probe);
  const body: Buffer[] = [];
  let result: Result | undefined;
  stream.onMessage((message: ServerMessage) => {
    if (message.type === 'offer') start(stream, submission.tree);
    else if (message.type === 'missing') for (const digest of message.digests) sendBlob(channel, submission, digest);
    else if (message.type === 'result') result = message;
  });
  stream.onData((chunk) => {
    body.push(Buffer.from(chunk));
    stream.consumed(chunk.length);
  });
  stream.onReset(reject);
  stream.onEnd(
    () => (
      result === undefined ? reject(
        new WardError('protocol-violation', 'The stream ended without a result.')
      ) : resolve(answer(result, Buffer.concat(body)))
    )
  );
  void channel.closed.then((error) => reject(error ?? new WardError('session-lost')));
  return within(timeoutMs, 'the result of a job', promise).catch((thrown: unknown) => {
    stream.reset(toWardError(thrown));
    throw thrown;
  });
};

/** Any bytes for a tree: all of them follow the START as data. */
export const start = (stream: Stream, tree: Buffer): void => (stream as ChannelStream).sendStart(0, Buffer.alloc(2), tree);

const sendBlob = (channel: Channel, { blobs, send }: Submission, digest: string): void => {
  if (send !== undefined) return send(digest, channel);
  const content = blobs.get(digest);
  if (content !== undefined) channel.sendBlob(Buffer.from(digest, 'hex'), content).catch(() => {});
};

const answer = (result: Result, body: Buffer): Answer => {
  let at = 0;
  const take = (size: number): Buffer => body.subarray(at, (at += size));
  return { result, stdout: take(result.stdout), stderr: take(result.stderr), outputs: result.outputs.map(({ size }) => take(size)) };
};
