/** A job over a session whose ends are on different hosts: the client's real attempt against the server's real store and answers. */
import { hash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Attempt, type FarmJob } from '../../../client/farm/attempt.ts';
import { connected, isNear } from '../../../client/farm/connect.ts';
import { Room } from '../../../client/farm/room.ts';
import { WardError } from '../../../protocol/errors.ts';
import type { Probe, Welcome } from '../../../protocol/messages.ts';
import { encodeTree } from '../../../protocol/tree.ts';
import { receiveBlob } from '../../../server/front/blobs.ts';
import type { Session } from '../../../server/front/session.ts';
import { bringBlobs } from '../../../server/jobs/bring-blobs.ts';
import { sendKept } from '../../../server/jobs/send-result.ts';
import type { JobServices } from '../../../server/jobs/services.ts';
import { Unread } from '../../../server/jobs/unread.ts';
import { Deadlines } from '../../../server/queue/deadlines.ts';
import type { KeptResult } from '../../../server/store/result-cache.ts';
import { Store } from '../../../server/store/store.ts';
import { Uploads } from '../../../server/store/uploads.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { sessionPair } from '../../protocol/pair.ts';
import { sha256, testJob } from './server.ts';

const source = Buffer.from('int answer = 42; /* and so on */\n'.repeat(3000));
const nothing = Buffer.alloc(0);
const part = (content: Buffer) => ({ digest: sha256(content), size: content.length });

const jobOf = (): FarmJob => {
  const tree = encodeTree([{ path: '/home/alice/0.c', kind: 'file', digest: hash('sha256', source, 'buffer'), size: source.length, group: 0 }]);
  return { ...testJob({ tree: sha256(tree), treeBytes: tree.length }), tree, blob: () => source };
};

/** Runs one job; the server answers with `object` once it has the source. */
const run = async (t: ExecutionContext, object: Buffer, { near = false, zstd = true, lie = (result: object): object => result } = {}) => {
  const { client, server, clientTransport, serverTransport } = await sessionPair();
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e8 });
  const [uploads, deadlines] = [new Uploads(), new Deadlines()];
  t.teardown(() => deadlines.stop());
  const session = { domains: new Set(['d']) } as unknown as Session;
  const unread = new Unread(deadlines);
  server.onBlob((blob) => receiveBlob(blob, session, { store, uploads, deadlines }));
  server.onStream((stream, first) => {
    const record = {
      action: 'a'.repeat(64), server: 's', epoch: 1, job: 1, principal: 'cert:alice', domain: 'd', policy: 'b'.repeat(64), toolchain: 'c'.repeat(64),
      finished: '2026-01-01T00:00:00.000Z', names: ['/home/alice/0.o'], key: '0'.repeat(16), signature: `${'A'.repeat(86)}==`,
      stdout: part(nothing), stderr: part(source), outputs: [{ index: 0, mode: 0o644, ...part(object) }],
    };
    const kept: KeptResult = { record, stdout: nothing, stderr: source, outputs: [object] };
    stream.onStart(async (list) => {
      const digest = hash('sha256', source, 'buffer');
      await bringBlobs(stream, [{ path: '/home/alice/0.c', kind: 'file', digest, size: source.length, group: 0 }], 'd', session, { store, uploads, deadlines } as unknown as JobServices, new AbortController().signal);
      t.true(list.length > 0);
      const send = stream.send.bind(stream);
      stream.send = (message, options) => send(lie(message) as typeof message, options);
      await sendKept({ stream, unread, packs: (first as Probe).zstd === true }, kept, () => ({ free: 1, waiting: 0 })).catch(() => {});
    });
    stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
  });
  const welcome = { server: 's', zstd } as unknown as Welcome;
  const job = jobOf();
  const attempt = new Attempt({ server: 's', connection: connected(client, welcome, near), room: new Room(), probe: { type: 'probe', ...job.probe }, job, verify: () => undefined });
  const offered = Promise.withResolvers<void>();
  attempt.onChange = () => offered.resolve();
  await offered.promise;
  const before = [clientTransport.sentBytes, serverTransport.sentBytes];
  const result = await attempt.start();
  return { result, sent: clientTransport.sentBytes - before[0]!, received: serverTransport.sentBytes - before[1]!, store };
};

test('between hosts contents and results go packed, and their digests are those of what they are', async (t) => {
  for (const object of [Buffer.alloc(300_000, 'object '), randomBytes(100_000)]) {
    const { result, sent, received, store } = await run(t, object);
    t.deepEqual(result.outputs[0]?.content, object);
    t.deepEqual(result.stderr, source);
    t.true(store.has('d', sha256(source)));
    t.true(sent < source.length / 10, `${sent} bytes`);
    t.true(received < object.length + source.length / 10, `${received} bytes`);
  }
});

test('on one host, or where the server does not know how, nothing is packed', async (t) => {
  for (const options of [{ near: true }, { zstd: false }]) {
    const object = Buffer.alloc(50_000);
    const { result, sent, received } = await run(t, object, options);
    t.deepEqual(result.outputs[0]?.content, object);
    t.true(sent > source.length && received > object.length + source.length);
  }
});

const lies: [string, object, object, string, RegExp][] = [
  ['that was to come plain', { zstd: false }, { packed: 10 }, 'protocol-violation', /packed a result that it may not pack/],
  ['that is larger packed', {}, { packed: 10_000_000 }, 'protocol-violation', /packed a result that it may not pack/],
  ['that unpacks to more than its parts', {}, { stderr: 10 }, 'blob-corrupt', /cannot be unpacked to the size/],
];
for (const [title, options, change, code, message] of lies) {
  test(`a packed result ${title} is refused`, async (t) => {
    const lie = (result: object): object => ({ ...result, ...change });
    await t.throwsAsync(run(t, Buffer.alloc(300_000), { ...options, lie }), { instanceOf: WardError, code, message });
  });
}

test('who connects to himself is near, and nobody else', (t) => {
  for (const [remoteAddress, localAddress, near] of [
    ['127.0.0.1', '127.0.0.1', true], ['127.0.0.9', '127.0.0.1', true], ['::1', '::1', true], ['::ffff:127.0.0.1', '::ffff:127.0.0.1', true],
    ['192.0.2.7', '192.0.2.7', true], ['192.0.2.7', '192.0.2.8', false], ['2001:db8::1', '2001:db8::2', false],
  ] as const) t.is(isNear({ remoteAddress, localAddress }), near, remoteAddress);
});
