import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import test from 'ava';
import { openWebSocket, receivePeerWelcome, receiveWelcome } from '../../link/web-socket.ts';
import { WardError } from '../../protocol/errors.ts';
import { clientHandshake } from '../../protocol/handshake.ts';
import type { ServerNotice, Welcome } from '../../protocol/messages.ts';
import { certClient, fixedExporter, sessionPair } from '../protocol/pair.ts';

test('a server that used up all the time there was before it had to say welcome is left at once', async (t) => {
  const { client } = await sessionPair();
  const error = await t.throwsAsync(receivePeerWelcome(client, AbortSignal.abort()), { instanceOf: WardError });
  t.is(error.class, 'protocol');
  t.is(error.code, 'handshake-timeout');
  t.is(error.message, 'The server did not say welcome in time.');
  t.is((await client.closed)?.code, 'handshake-timeout');
});

/** What a server may send in the same packet as its answer to the upgrade. */
const hasty: readonly (readonly [string, Buffer])[] = [
  ['a frame of an unknown kind', Buffer.of(0x8f, 0)],
  ['a frame that is too large', Buffer.of(0x82, 127, 0, 0, 0, 255, 255, 255, 255, 255)],
  ['a masked frame', Buffer.of(0x82, 0x81, 0, 0, 0, 0, 0)],
  ['the end', Buffer.of(0x88, 0)],
];

test('whatever a server sends together with its answer ends this connection at once, and nothing else', async (t) => {
  for (const [title, bytes] of hasty) {
    const server = createServer((socket) => socket.on('error', () => {}).once('data', (request) => {
      const key = /sec-websocket-key: (.*)\r/i.exec(request.toString('latin1'))?.[1];
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: wardcc.1\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), bytes]));
    }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => server.close());
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    const transport = await openWebSocket(socket, { name: 'localhost' }, 'localhost', AbortSignal.timeout(20_000));
    const error = await t.throwsAsync(clientHandshake(transport, { authenticator: certClient, exporter: fixedExporter, timeoutMs: 20_000 }), { instanceOf: WardError }, title);
    t.is(error.class, 'infrastructure', title);
    t.is(error.code, 'session-lost', title);
    t.regex(error.message, /^The connection ended during the handshake: /, title);
  }
});

test('what comes together with the welcome is for whoever takes the session over', async (t) => {
  const welcome: Welcome = {
    type: 'welcome', server: 'build1', principal: 'cert:alice', committer: 'alice', mechanism: 'cert', expires: 0, policy: { serial: 1, digest: 'd'.repeat(64) },
    isolation: 'strict', slots: 4, toolchains: [],
  };
  const load: ServerNotice = { type: 'notice', event: 'load', free: 1, waiting: 0 };
  // Once everything has been done before, all three are taken in one turn.
  for (let round = 0; round < 5; round++) {
    const { client, server } = await sessionPair();
    for (const notice of [welcome, load, load]) server.notify(notice);
    t.deepEqual(await receiveWelcome(client, new AbortController().signal), welcome);
    const got: ServerNotice[] = [];
    client.onNotice((notice) => got.push(notice));
    await client.ping();
    t.deepEqual(got, [load, load]);
  }
});
