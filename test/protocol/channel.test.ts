import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type { IncomingBlob, Stream } from '../../protocol/channel.ts';
import { Channel } from '../../protocol/channel.ts';
import { WardError, type ErrorCode } from '../../protocol/errors.ts';
import { FLAG_END, FrameDecoder, frameType } from '../../protocol/frame.ts';
import { limits } from '../../protocol/limits.ts';
import type { Fetch, Pointer, Probe, ServerNotice } from '../../protocol/messages.ts';
import { Sealer } from '../../protocol/seal.ts';
import { encodeTree } from '../../protocol/tree.ts';
import { sessionPair, transportPair, until } from './pair.ts';

const probe: Probe = {
  type: 'probe', id: '1', project: 'default', toolchain: 'a'.repeat(64), compiler: '/usr/bin/gcc', language: 'c',
  argv: ['gcc', '-c', 'a.c'],
  env: {}, cwd: '/home/alice', umask: 0o22, outputs: ['/home/alice/a.o'], tree: 'b'.repeat(64), treeBytes: 8, inputBytes: 0,
};

test('a job stream carries messages and data both ways and ends', async (t) => {
  const { client, server } = await sessionPair();
  const object = randomBytes(300_000);
  const tree = encodeTree([{ path: '/home/alice', kind: 'directory' }]);
  server.onStream((stream, first) => {
    t.deepEqual(first, probe);
    stream.send({ type: 'offer', leaseMs: 50, speed: 1 });
    const got: Buffer[] = [];
    stream.onStart((list) => {
      got.push(Buffer.alloc(list.length));
      list.copyTo(got[0]!);
    });
    stream.onEnd(() => {
      t.deepEqual(got, [tree]);
      void stream.write(object, { end: true });
    });
  });
  const stream = client.open(probe);
  const received: Buffer[] = [];
  stream.onMessage((message) => {
    t.is(message.type, 'offer');
    client.start(stream, tree, () => []);
  });
  stream.onData((chunk) => {
    received.push(chunk);
    stream.consumed(chunk.length);
  });
  await new Promise<void>((resolve) => stream.onEnd(resolve));
  t.deepEqual(Buffer.concat(received), object);
  await until(() => client.openStreams === 0 && server.openStreams === 0);
  t.true(await client.ping() >= 0);
  client.close();
  t.is(await client.closed, undefined);
  t.is((await server.closed)?.code, 'session-lost');
});

test('blobs of every size arrive whole', async (t) => {
  const { client, server } = await sessionPair();
  const blobs = new Map<string, Buffer>();
  server.onBlob((blob: IncomingBlob) => {
    const chunks: Buffer[] = [];
    blob.onData((chunk) => {
      chunks.push(chunk);
      blob.consumed(chunk.length);
    });
    blob.onEnd(() => blobs.set(blob.digest.toString('hex'), Buffer.concat(chunks)));
  });
  const contents = [
    0, 1, 65_535, 65_536, 65_537, 262_144, 262_145, 3_000_000, ...Array.from({ length: 200 }, (_, index) => index + 2),
  ].map((size) => randomBytes(size));
  await Promise.all(contents.map((content) => client.sendBlob(createHash('sha256').update(content).digest(), content)));
  await until(() => blobs.size === contents.length);
  for (const [digest, content] of blobs) t.is(createHash('sha256').update(content).digest('hex'), digest);
  await until(() => client.openStreams === 0 && server.openStreams === 0);
});

test('a stream nobody reads never stalls another', async (t) => {
  const { client, server } = await sessionPair();
  const slow: Stream[] = [];
  server.onStream((stream) => {
    slow.push(stream);
    void stream.write(Buffer.alloc(4_000_000, slow.length), { end: true });
  });
  const stuck = client.open(probe);
  let stuckBytes = 0;
  stuck.onData((chunk) => {
    stuckBytes += chunk.length;
  });
  const lively = client.open(probe);
  let livelyBytes = 0;
  lively.onData((chunk) => {
    livelyBytes += chunk.length;
    lively.consumed(chunk.length);
  });
  await new Promise<void>((resolve) => lively.onEnd(resolve));
  t.is(livelyBytes, 4_000_000);
  t.is(stuckBytes, 256 * 1024);
  stuck.consumed(stuckBytes);
  await until(() => stuckBytes > 256 * 1024);
});

const keys = { client: Buffer.alloc(32, 1), server: Buffer.alloc(32, 2) };

/** A channel whose peer is the test itself: it seals whatever it likes. */
const lonely = (role: 'client' | 'server') => {
  const [peer, transport] = transportPair();
  const channel = new Channel(transport, { role, keys, decoder: new FrameDecoder() });
  const sealer = role === 'server' ? new Sealer(keys.client, 'c2s') : new Sealer(keys.server, 's2c');
  const send = (type: number, stream: number, payload: Buffer | object = Buffer.alloc(0), flags = 0): void => {
    const out: Buffer[] = [];
    sealer.seal(out, type, flags, stream, undefined, Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload)));
    transport.deliver(Buffer.concat(out));
  };
  const streams: Stream[] = [];
  const blobs: IncomingBlob[] = [];
  if (role === 'server') {
    channel.onStream((stream) => streams.push(stream));
    channel.onBlob((blob) => blobs.push(blob));
  }
  return { peer, transport, channel, send, streams, blobs };
};

const blobPayload = (size: number, content = 0): Buffer => {
  const payload = Buffer.alloc(40 + content);
  payload.writeBigUInt64BE(BigInt(size), 32);
  return payload;
};

type Lonely = ReturnType<typeof lonely>;

const breaches: [string, 'client' | 'server', (peer: Lonely) => void, ErrorCode, RegExp][] = [
  ['a message on a stream with an even id', 'server', ({ send }) => send(frameType.MESSAGE, 2, probe), 'protocol-violation', /Stream 2/],
  ['a stream whose id goes down', 'server', ({ send }) => {
    send(frameType.MESSAGE, 5, probe);
    send(frameType.BLOB, 3, blobPayload(0), FLAG_END);
  }, 'protocol-violation', /where none is allowed/],
  [
    'a stream that does not begin with a probe', 'server', ({ send }) => send(frameType.MESSAGE, 1, { type: 'offer' }),
    'protocol-violation', /not allowed as first client message/,
  ],
  ['a second message on a stream', 'server', ({ send }) => {
    send(frameType.MESSAGE, 1, probe);
    send(frameType.MESSAGE, 1, probe);
  }, 'protocol-violation', /second message on stream 1/],
  [
    'START on a stream that was never opened', 'server', ({ send }) => send(frameType.START, 7, Buffer.alloc(2)), 'protocol-violation',
    /stream 7, which was never opened/,
  ],
  ['START from a server', 'client', ({ send }) => send(frameType.START, 1, Buffer.alloc(2)), 'protocol-violation', /A server sent START/],
  ['a list that names what was never sent', 'server', ({ send }) => {
    send(frameType.MESSAGE, 1, probe);
    send(frameType.START, 1, Buffer.from('00008000000100000000', 'hex'));
  }, 'protocol-violation', /bytes that the session has not seen/],
  [
    'data on a stream that was never opened', 'server', ({ send }) => send(frameType.DATA, 7), 'protocol-violation',
    /stream 7, which was never opened/,
  ],
  [
    'a message of the client on stream 0', 'server', ({ send }) => send(frameType.MESSAGE, 0, { type: 'welcome' }), 'protocol-violation',
    /stream 0/,
  ],
  [
    'JSON that is none', 'server', ({ send }) => send(frameType.MESSAGE, 1, Buffer.from('{"type":')), 'protocol-violation',
    /not valid JSON/,
  ],
  [
    'a message with an unknown field', 'server', ({ send }) => send(frameType.MESSAGE, 1, { ...probe, extra: 1 }), 'protocol-violation',
    /probe message is invalid/,
  ],
  [
    'a variable named __proto__', 'server',
    ({ send }) => send(frameType.MESSAGE, 1, Buffer.from(JSON.stringify(probe).replace('"env":{}', '"env":{"__proto__":"x"}'))),
    'protocol-violation', /probe message is invalid: \/env/,
  ],
  [
    'a relative output', 'server', ({ send }) => send(frameType.MESSAGE, 1, { ...probe, outputs: ['a.o'] }), 'protocol-violation',
    /\/outputs\/0/,
  ],
  [
    'a NUL in an argument', 'server', ({ send }) => send(frameType.MESSAGE, 1, { ...probe, argv: ['gcc', 'a\0b'] }), 'protocol-violation',
    /\/argv\/1/,
  ],
  ['data after END', 'server', ({ send }) => {
    send(frameType.MESSAGE, 1, probe, FLAG_END);
    send(frameType.DATA, 1);
  }, 'protocol-violation', /after it had ended it/],
  ['more data than there is credit for', 'server', ({ send }) => {
    send(frameType.MESSAGE, 1, probe);
    for (let sent = 0; sent <= limits.streamWindow; sent += limits.pieceBytes) send(frameType.DATA, 1, Buffer.alloc(limits.pieceBytes));
  }, 'limit-exceeded', /than it had credit for/],
  ['more streams than allowed', 'server', ({ send }) => {
    for (let index = 0; index <= limits.streams; index++) send(frameType.MESSAGE, 2 * index + 1, probe);
  }, 'limit-exceeded', /more than 1024 streams/],
  ['more blobs at once than allowed', 'server', ({ send }) => {
    for (let index = 0; index <= limits.blobs; index++) send(frameType.BLOB, 2 * index + 1, blobPayload(10));
  }, 'limit-exceeded', /more than 64 blobs/],
  [
    'a blob that is larger than any may be', 'server', ({ send }) => send(frameType.BLOB, 1, blobPayload(2 ** 40)), 'limit-exceeded',
    /announces 1099511627776 bytes/,
  ],
  [
    'a blob that is longer than it announced', 'server', ({ send }) => send(frameType.BLOB, 1, blobPayload(10, 11)), 'protocol-violation',
    /longer/,
  ],
  [
    'a blob that is shorter than it announced', 'server', ({ send }) => send(frameType.BLOB, 1, blobPayload(10, 9), FLAG_END),
    'protocol-violation', /shorter/,
  ],
  ['a blob on a stream that is open', 'server', ({ send }) => {
    send(frameType.MESSAGE, 1, probe);
    send(frameType.BLOB, 1, blobPayload(0), FLAG_END);
  }, 'protocol-violation', /where none is allowed/],
  ['credit without end', 'server', ({ send }) => {
    send(frameType.MESSAGE, 1, probe);
    send(frameType.WINDOW, 1, Buffer.from([0xff, 0xff, 0xff, 0xff]));
  }, 'limit-exceeded', /more credit/],
  ['a PONG without a PING', 'server', ({ send }) => send(frameType.PONG, 0, Buffer.alloc(8)), 'protocol-violation', /answers no PING/],
  ['pings from a peer that does not read', 'server', ({ send, transport }) => {
    transport.bufferedAmount = limits.bufferedBytes;
    for (let index = 0; index <= limits.controlFrames; index++) send(frameType.PING, 0, Buffer.alloc(8));
  }, 'limit-exceeded', /faster than it reads/],
  ['a blob from a server', 'client', ({ send }) => send(frameType.BLOB, 1, blobPayload(0)), 'protocol-violation', /where none is allowed/],
  [
    'a stream that the server opens', 'client', ({ send }) => send(frameType.MESSAGE, 2, { type: 'busy', position: 1 }),
    'protocol-violation', /never opened/,
  ],
  ['data on a blob of the client', 'client', ({ send, channel }) => {
    void channel.sendBlob(Buffer.alloc(32), Buffer.alloc(1_000_000));
    send(frameType.DATA, 1);
  }, 'protocol-violation', /after it had ended it/],
  [
    'a welcome with too little in it', 'client', ({ send }) => send(frameType.MESSAGE, 0, { type: 'welcome' }), 'protocol-violation',
    /welcome message is invalid/,
  ],
  ['more early notices than are kept', 'client', ({ send }) => {
    for (let index = 0; index <= limits.earlyNotices; index++) send(frameType.MESSAGE, 0, { type: 'notice', event: 'load', free: 1 });
  }, 'limit-exceeded', /too many notices/],
];

for (const [title, role, breach, code, message] of breaches) {
  test(`${title} ends the session`, async (t) => {
    const peer = lonely(role);
    breach(peer);
    const error = await peer.channel.closed;
    t.true(error instanceof WardError);
    t.is(error!.code, code);
    t.regex(error!.message, message);
    await until(() => peer.transport.closed);
  });
}

test.serial('pings that come slowly from a peer that does not read end the session before they fill the memory', async (t) => {
  const { channel, transport, send } = lonely('server');
  transport.stalled = true;
  transport.bufferedAmount = limits.bufferedBytes - 10_000;
  for (let round = 0; round < 100 && !transport.closed; round++) {
    for (let index = 0; index < 100; index++) send(frameType.PING, 0, Buffer.alloc(8));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.regex((await channel.closed)!.message, /faster than it reads/);
  // What waited when the session ended leaves with the reason.
  t.true(transport.sentBytes < 10_000 + (limits.controlFrames + 200) * 50, `${transport.sentBytes} bytes were buffered`);
});

test('a job before welcome ends the session', async (t) => {
  const [, transport] = transportPair();
  const channel = new Channel(transport, { role: 'server', keys, decoder: new FrameDecoder() });
  const out: Buffer[] = [];
  new Sealer(keys.client, 'c2s').seal(out, frameType.MESSAGE, 0, 1, undefined, Buffer.from(JSON.stringify(probe)));
  transport.deliver(Buffer.concat(out));
  t.is((await channel.closed)?.message, 'A client sent a job before it was welcome.');
});

const tampering: [string, (bytes: Buffer) => Buffer[], ErrorCode][] = [
  ['a changed byte', (bytes) => [Buffer.concat([bytes.subarray(0, 30), Buffer.from([bytes[30]! ^ 1]), bytes.subarray(31)])], 'bad-tag'],
  ['a repeated frame', (bytes) => [bytes, bytes], 'bad-sequence'],
  ['a lost frame', (() => {
    let count = 0;
    return (bytes: Buffer) => (count++ === 0 ? [] : [bytes]);
  })(), 'bad-sequence'],
];

for (const [title, change, code] of tampering) {
  test(`${title} ends the session on both sides`, async (t) => {
    const { client, server, clientTransport } = await sessionPair();
    server.onStream(() => {});
    await client.ping();
    const { sends } = clientTransport;
    clientTransport.change = change;
    const stream = client.open(probe);
    const reset = new Promise<WardError>((resolve) => stream.onReset(resolve));
    await until(() => clientTransport.sends > sends && clientTransport.bufferedAmount === 0);
    client.ping().catch(() => {});
    t.is((await server.closed)?.code, code);
    t.is((await client.closed)?.code, code);
    t.is((await reset).code, code);
    await t.throwsAsync(client.ping(), { instanceOf: WardError, code: 'session-lost' });
  });
}

test('a session whose numbers run out ends instead of beginning again', async (t) => {
  const [clientTransport, serverTransport] = transportPair();
  const firstSequence = limits.framesPerKey - 2;
  const client = new Channel(clientTransport, { role: 'client', keys, decoder: new FrameDecoder(), firstSequence });
  const server = new Channel(serverTransport, { role: 'server', keys, decoder: new FrameDecoder(), firstSequence });
  await client.ping();
  await client.ping();
  await t.throwsAsync(client.ping(), { instanceOf: WardError, code: 'limit-exceeded' });
  t.is((await client.closed)?.message, 'This session has sent as many frames as its keys allow.');
  t.is((await server.closed)?.code, 'session-lost');
});

test('a reset ends a stream on both sides and leaves the others alone', async (t) => {
  const { client, server } = await sessionPair();
  const resets: string[] = [];
  server.onStream((stream) => {
    stream.onReset((error) => resets.push(`server: ${error.message}`));
    if (resets.length > 0) stream.reset(new WardError('busy', 'No \u001b[31mroom.', { rule: 'r1' }));
  });
  const mine = client.open(probe);
  await client.ping();
  mine.reset(new WardError('cancelled', 'The launcher is gone.'));
  await until(() => resets.length === 1);
  const refused = client.open(probe);
  const error = await new Promise<WardError>((resolve) => refused.onReset(resolve));
  t.deepEqual(resets, ['server: The launcher is gone.']);
  t.is(error.code, 'busy');
  t.is(error.rule, 'r1');
  t.is(error.message, 'No ?[31mroom.');
  await until(() => client.openStreams === 0 && server.openStreams === 0);
  await client.ping();
});

test('a session has no more streams than it may: jobs and fetches beyond that are refused, a pointer is not said, and one that ends makes room', (t) => {
  const fetch: Fetch = { type: 'fetch', domain: 'lua', action: 'a'.repeat(64), parts: [0] };
  const pointer: Pointer = { type: 'pointer', statement: '{}', key: 'a'.repeat(16), signature: `${'A'.repeat(86)}==` };
  const { channel } = lonely('client');
  const streams = Array.from({ length: limits.streams - limits.blobs }, () => channel.open(probe));
  const beyond = { instanceOf: WardError, code: 'busy', message: 'This session has as many streams open as it may.' };
  t.throws(() => channel.open(probe), beyond);
  for (let blob = 0; blob < limits.blobs; blob++) channel.fetch(fetch);
  t.throws(() => channel.fetch(fetch), beyond);
  channel.tell(pointer);
  t.is(channel.openStreams, limits.streams);
  streams[0]!.reset(new WardError('cancelled'));
  channel.fetch(fetch);
  t.is(channel.openStreams, limits.streams);
});

test('contents of a job get through however many jobs a session has', async (t) => {
  const { client, server } = await sessionPair();
  server.onStream(() => {});
  server.onBlob((blob) => blob.onData((chunk) => blob.consumed(chunk.length)));
  try {
    for (;;) client.open(probe);
  } catch (thrown) {
    t.is((thrown as WardError).code, 'busy');
  }
  await Promise.race([
    client.sendBlob(createHash('sha256').update('a').digest(), Buffer.from('a')),
    client.closed.then((error) => t.fail(error?.message)),
    delay(5000).then(() => t.fail('nothing was sent')),
  ]);
  await client.ping();
  t.is(server.openStreams, limits.streams - limits.blobs);
});

test('on a session that has ended nothing is opened, and nobody is waited for', async (t) => {
  const { client } = await sessionPair();
  const ended = { instanceOf: WardError, code: 'session-lost', message: 'The session has ended.' };
  client.close();
  t.throws(() => client.open(probe), ended);
  t.throws(() => client.fetch({ type: 'fetch', domain: 'lua', action: 'a'.repeat(64), parts: [0] }), ended);
  client.tell({ type: 'pointer', statement: '{}', key: 'a'.repeat(16), signature: `${'A'.repeat(86)}==` });
  t.is(client.openStreams, 0);
});

test.serial('a session that ended before it was to be kept alive leaves no timer', async (t) => {
  const { client } = await sessionPair();
  const { setInterval } = globalThis;
  let timers = 0;
  t.teardown(() => Object.assign(globalThis, { setInterval }));
  Object.assign(globalThis, { setInterval: (...args: Parameters<typeof setInterval>) => {
    timers += 1;
    return setInterval(...args);
  } });
  client.close();
  client.keepAlive(15_000);
  t.is(timers, 0);
});

test('a stream that is reset before its first frame has left is never heard of', async (t) => {
  const { client, server } = await sessionPair();
  let opened = 0;
  server.onStream(() => opened++);
  client.open(probe).reset(new WardError('cancelled'));
  client.open(probe);
  await client.ping();
  t.is(opened, 1);
});

test('a refused blob rejects its sender, and what was on the way is ignored', async (t) => {
  const { client, server } = await sessionPair();
  server.onBlob((blob) => blob.reset(new WardError('disk-full', 'No space left.')));
  await t.throwsAsync(
    client.sendBlob(Buffer.alloc(32), Buffer.alloc(1_000_000)), { instanceOf: WardError, code: 'disk-full', message: 'No space left.' },
  );
  await client.ping();
  t.is(client.openStreams, 0);
});

test('notices that came before anybody asked are delivered when somebody does', async (t) => {
  const { client, server } = await sessionPair();
  server.notify({ type: 'notice', event: 'load', free: 1 });
  server.notify({ type: 'notice', event: 'load', free: 2 });
  await client.ping();
  const got: ServerNotice[] = [];
  client.onNotice((notice) => got.push(notice));
  t.deepEqual(got, [{ type: 'notice', event: 'load', free: 1 }, { type: 'notice', event: 'load', free: 2 }]);
});

test('an error ends the session with its reason on the other side; its streams learn it', async (t) => {
  const { client, server } = await sessionPair();
  server.onStream(() => server.close(new WardError('access-ended', 'alice may not commit any more.', { at: 'policy.jsonc:3:1' })));
  const stream = client.open(probe);
  const [reset, closed] = await Promise.all([new Promise<WardError>((resolve) => stream.onReset(resolve)), client.closed]);
  for (const error of [reset, closed!]) {
    t.is(error.code, 'access-ended');
    t.is(error.message, 'alice may not commit any more.');
    t.is(error.at, 'policy.jsonc:3:1');
  }
  t.throws(() => client.open(probe), { instanceOf: WardError, code: 'session-lost', message: 'The session has ended.' });
});

test('frames of one tick leave in one write', async (t) => {
  const { client, server, clientTransport } = await sessionPair();
  server.onStream(() => {});
  const before = clientTransport.sends;
  for (let index = 0; index < 10; index++) void client.open(probe).write(Buffer.alloc(100));
  await client.ping();
  t.is(clientTransport.sends, before + 1);
});

test('streams take turns: a short body is not behind a long one', async (t) => {
  const { client, server } = await sessionPair();
  const order: string[] = [];
  server.onStream((stream, first) => {
    const id = (first as Probe).id;
    stream.onData((chunk) => stream.consumed(chunk.length));
    stream.onEnd(() => order.push(id));
  });
  void client.open({ ...probe, id: 'long' }).write(Buffer.alloc(3_000_000), { end: true });
  void client.open({ ...probe, id: 'short' }).write(Buffer.alloc(1000), { end: true });
  await until(() => order.length === 2);
  t.deepEqual(order, ['short', 'long']);
});

test('bodies wait while the transport is full', async (t) => {
  const { client, server, clientTransport } = await sessionPair();
  server.onStream((stream) => stream.onData((chunk) => stream.consumed(chunk.length)));
  clientTransport.stalled = true;
  const writes = Array.from({ length: 20 }, () => client.open(probe).write(Buffer.alloc(200_000), { end: true }));
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.true(clientTransport.bufferedAmount < limits.bufferedBytes + 2 * limits.pieceBytes);
  clientTransport.stalled = false;
  clientTransport.run();
  await Promise.all(writes);
});

// Alone, and unhurried: both ends share one event loop here, and a turn of it must be short beside the time of silence.
test.serial('a peer that falls silent is pinged and then given up', async (t) => {
  const { client, server, clientTransport, serverTransport } = await sessionPair();
  client.keepAlive(1_000);
  const { sends } = serverTransport;
  await until(() => serverTransport.sends >= sends + 3);
  serverTransport.stalled = true;
  await until(() => clientTransport.closed);
  t.regex((await client.closed)!.message, /silent/);
  server.close();
});
