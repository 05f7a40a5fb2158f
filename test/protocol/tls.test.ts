import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { WebSocket, WebSocketServer } from 'ws';
import { initAuthority } from '../../certs/authority.ts';
import { WardError } from '../../protocol/errors.ts';
import { clientHandshake, serverHandshake, type Accepted } from '../../protocol/handshake.ts';
import { limits } from '../../protocol/limits.ts';
import {
  pack, SUBPROTOCOL, tlsExporter, webSocketClientOptions, webSocketServerOptions, webSocketTransport,
} from '../../protocol/transport.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { acceptAll, certClient } from './pair.ts';

interface Listening {
  readonly server: Server;
  readonly port: number;
}

/** Listens with TLS 1.3 and hands over each WebSocket with its TLS connection. */
const listen = async (t: ExecutionContext, opened: (webSocket: WebSocket, socket: TLSSocket) => void): Promise<Listening> => {
  const authority = await initAuthority(join(await temporaryDirectory(t), 'ca'), { dev: true });
  const { certPem, keyPem } = await authority.issueServer(['localhost']);
  const server = createServer({ cert: certPem, key: keyPem, minVersion: 'TLSv1.3' });
  const webSockets = new WebSocketServer(webSocketServerOptions);
  server.on(
    'upgrade',
    (request, socket, head) => webSockets.handleUpgrade(request, socket, head, (webSocket) => opened(webSocket, socket as TLSSocket)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, port: (server.address() as AddressInfo).port };
};

const open = async (t: ExecutionContext, port: number): Promise<{ webSocket: WebSocket; socket: TLSSocket }> => {
  const socket = connect({ host: '127.0.0.1', port, minVersion: 'TLSv1.3', rejectUnauthorized: false });
  await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()));
  const webSocket = new WebSocket('ws://localhost/', SUBPROTOCOL, { ...webSocketClientOptions, createConnection: () => socket });
  await new Promise<void>((resolve, reject) => webSocket.once('open', () => resolve()).once('error', reject));
  t.teardown(() => socket.destroy());
  return { webSocket, socket };
};

const authenticators = new Map([['cert', acceptAll]] as const);

test('a session over TLS 1.3 and a WebSocket carries large bodies both ways', async (t) => {
  let accepted: Promise<Accepted> | undefined;
  const content = randomBytes(3_000_000);
  const { port } = await listen(t, (webSocket, socket) => {
    t.is(webSocket.protocol, SUBPROTOCOL);
    t.is(webSocket.extensions, '');
    accepted = serverHandshake(webSocketTransport(webSocket), { authenticators, exporter: tlsExporter(socket) });
    void accepted.then(({ channel }) => channel.onBlob((blob) => {
      const chunks: Buffer[] = [];
      blob.onData((chunk) => {
        chunks.push(chunk);
        blob.consumed(chunk.length);
      });
      blob.onEnd(() => channel.notify({
        type: 'notice', event: 'load', message: Buffer.concat(chunks).equals(content) ? 'equal' : 'different',
      }));
    }));
  });
  const { webSocket, socket } = await open(t, port);
  const channel = await clientHandshake(webSocketTransport(webSocket), { authenticator: certClient, exporter: tlsExporter(socket) });
  const answer = new Promise((resolve) => channel.onNotice(resolve));
  await channel.sendBlob(Buffer.alloc(32), content);
  t.like(await answer, { message: 'equal' });
  t.true(await channel.ping() > 0);
  channel.close(new WardError('cancelled', 'Enough.'));
  t.is((await (await accepted!).channel.closed)?.message, 'Enough.');
});

test('a relay between two TLS connections gets no frame through', async (t) => {
  let behind: Promise<Accepted> | undefined;
  const real = await listen(t, (webSocket, socket) => {
    behind = serverHandshake(webSocketTransport(webSocket), { authenticators, exporter: tlsExporter(socket) });
    behind.catch(() => {});
  });
  const relay = await listen(t, (webSocket) => {
    const early: Buffer[] = [];
    webSocket.on('message', (data) => early.push(data as Buffer));
    void open(t, real.port).then((onward) => {
      for (const data of early) onward.webSocket.send(data);
      webSocket.removeAllListeners('message');
      webSocket.on('message', (data) => onward.webSocket.send(data as Buffer));
      onward.webSocket.on('message', (data) => webSocket.send(data as Buffer));
      onward.webSocket.on('close', () => webSocket.close());
      webSocket.on('close', () => onward.webSocket.close());
    });
  });
  const { webSocket, socket } = await open(t, relay.port);
  const channel = await clientHandshake(webSocketTransport(webSocket), { authenticator: certClient, exporter: tlsExporter(socket) });
  const ping = channel.ping();
  await t.throwsAsync(ping, { instanceOf: WardError });
  t.is((await (await behind!).channel.closed)?.code, 'bad-tag');
});

test('a text message ends the connection', async (t) => {
  const ended = Promise.withResolvers<number>();
  const { port } = await listen(t, (webSocket, socket) => {
    serverHandshake(webSocketTransport(webSocket), { authenticators, exporter: tlsExporter(socket) }).catch(() => {});
  });
  const { webSocket } = await open(t, port);
  webSocket.on('close', (code) => ended.resolve(code));
  webSocket.send('hello');
  t.is(await ended.promise, 1003);
});

test('a message larger than the limit ends the connection', async (t) => {
  const ended = Promise.withResolvers<number>();
  const { port } = await listen(t, (webSocket, socket) => {
    serverHandshake(webSocketTransport(webSocket), { authenticators, exporter: tlsExporter(socket) }).catch(() => {});
  });
  const { webSocket } = await open(t, port);
  webSocket.on('close', (code) => ended.resolve(code));
  webSocket.on('error', () => {});
  webSocket.send(Buffer.alloc(limits.webSocketBytes + 1));
  t.is(await ended.promise, 1009);
});

test('packing keeps the bytes, joins the small, cuts the large and copies none of them', (t) => {
  fc.assert(fc.property(fc.array(fc.nat(9000), { maxLength: 12 }), (sizes) => {
    const buffers = sizes.map((size) => randomBytes(size));
    const packed = pack(buffers);
    t.deepEqual(Buffer.concat(packed), Buffer.concat(buffers));
    for (const message of packed) t.true(message.length <= limits.webSocketBytes);
    for (const buffer of buffers.filter(({ length }) => length >= 4096)) t.true(packed.some((message) => message.buffer === buffer.buffer));
  }), { numRuns: 50 });
  t.deepEqual(pack([Buffer.alloc(700_000)]).map(({ length }) => length), [262_144, 262_144, 175_712]);
  t.is(pack(Array.from({ length: 1000 }, () => Buffer.alloc(100))).length, 1);
});
