import { createHash, randomBytes } from 'node:crypto';
import test from 'ava';
import type { IncomingBlob, Stream } from '../../protocol/channel.ts';
import type { Probe } from '../../protocol/messages.ts';
import { sessionPair, until } from './pair.ts';

export const probe: Probe = {
  type: 'probe', id: '1', project: 'default', toolchain: 'a'.repeat(64), compiler: '/usr/bin/gcc', language: 'c', argv: ['gcc', '-c', 'a.c'],
  env: {}, cwd: '/home/alice', umask: 0o22, outputs: ['/home/alice/a.o'], tree: 'b'.repeat(64), treeBytes: 8, inputBytes: 0,
};

test('a job stream carries messages and data both ways and ends', async (t) => {
  const { client, server } = await sessionPair();
  const object = randomBytes(300_000);
  server.onStream((stream, first) => {
    t.deepEqual(first, probe);
    stream.send({ type: 'offer', leaseMs: 50, speed: 1 });
    const got: Buffer[] = [];
    stream.onMessage((message) => t.is(message.type, 'start'));
    stream.onData((chunk) => {
      got.push(chunk);
      stream.consumed(chunk.length);
    });
    stream.onEnd(() => {
      t.is(Buffer.concat(got).toString(), 'the tree');
      void stream.write(object, { end: true });
    });
  });
  const stream = client.open(probe);
  const received: Buffer[] = [];
  stream.onMessage((message) => {
    t.is(message.type, 'offer');
    stream.send({ type: 'start' });
    void stream.write(Buffer.from('the tree'), { end: true });
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
  const contents = [0, 1, 65_535, 65_536, 65_537, 262_144, 262_145, 3_000_000, ...Array.from({ length: 200 }, (_, index) => index + 2)].map((size) => randomBytes(size));
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
