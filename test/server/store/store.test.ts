import { createHash } from 'node:crypto';
import { existsSync, openSync, closeSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { Store } from '../../../server/store/store.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

async function put(store: Store, domain: string, content: Buffer): Promise<string> {
  const digest = sha256(content);
  const receiver = store.receive(domain, digest, content.length);
  await receiver.write(content);
  await receiver.finish();
  return digest;
}

test('what was received under its digest can be read by it, and by nobody be written', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const digest = await put(store, 'lua', Buffer.from('int x;'));
  t.true(store.has('lua', digest));
  const path = join(store.directoryOf('lua'), Store.fileName(digest));
  t.is(readFileSync(path, 'utf8'), 'int x;');
  t.is(statSync(path).mode & 0o777, 0o444);
});

test('content of one domain is unknown in another', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const digest = await put(store, 'lua', Buffer.from('secret'));
  t.false(store.has('redis', digest));
  t.not(store.directoryOf('lua'), store.directoryOf('redis'));
});

test('content with another digest is refused and leaves no file', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const digest = sha256(Buffer.from('good'));
  const receiver = store.receive('lua', digest, 4);
  await receiver.write(Buffer.from('evil'));
  const error = await t.throwsAsync(() => receiver.finish(), { instanceOf: WardError, message: `The content that came for ${digest} has another digest.` });
  t.is((error as WardError).code, 'blob-corrupt');
  t.false(store.has('lua', digest));
  t.false(existsSync(join(store.directoryOf('lua'), Store.fileName(digest))));
});

test('a blob that is longer than announced is refused at once', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const receiver = store.receive('lua', sha256(Buffer.from('abc')), 3);
  const error = await t.throwsAsync(() => receiver.write(Buffer.from('abcd')), { instanceOf: WardError });
  t.is((error as WardError).code, 'blob-corrupt');
});

test('a blob that was refused or given up closes its descriptor once, and writes nothing into whoever has its number next', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store');
  const store = new Store({ directory, maxBytes: 1e6 });
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const refused = store.receive('lua', sha256(Buffer.from('good')), 4);
  await refused.write(Buffer.from('evil'));
  await t.throwsAsync(() => refused.finish(), { instanceOf: WardError });
  // The lowest free numbers are given out: one of these is the one that was just closed.
  const others = Array.from({ length: 64 }, () => openSync('/dev/null', 'r'));
  refused.abort();
  refused.abort();
  await settled();
  t.notThrows(() => others.forEach((fd) => closeSync(fd)));

  const given = store.receive('lua', sha256(Buffer.from('abcdef')), 6);
  await given.write(Buffer.from('ab'));
  const late = [given.write(Buffer.from('cd')), given.write(Buffer.from('ef'))];
  given.abort();
  const results = await Promise.allSettled(late);
  t.true(results.every(({ status }) => status === 'rejected'));
  const afterwards = await t.throwsAsync(() => given.write(Buffer.from('x')), { instanceOf: WardError });
  t.is((afterwards as WardError).code, 'cancelled');
  await settled();
  t.deepEqual(readdirSync(join(directory, 'incoming')), []);
});

test('what is forgotten is asked for again, in its own domain alone', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const digest = await put(store, 'lua', Buffer.from('kept'));
  await put(store, 'redis', Buffer.from('kept'));
  store.forget('lua', digest);
  store.forget('lua', digest);
  t.false(store.has('lua', digest));
  t.true(store.has('redis', digest));
  t.is(store.bytes, 4);
});

test('the least recently used goes first, and nothing that may be in use', async (t) => {
  let now = 0;
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 10, pinMs: 100, now: () => now });
  const old = await put(store, 'd', Buffer.from('aaaa'));
  now = 50;
  const used = await put(store, 'd', Buffer.from('bbbb'));
  now = 120;
  const fresh = await put(store, 'd', Buffer.from('cccc'));
  t.false(store.has('d', old));
  t.true(store.has('d', used));
  t.true(store.has('d', fresh));
  const error = await t.throwsAsync(put(store, 'd', Buffer.from('dddd')), { instanceOf: WardError });
  t.is((error as WardError).code, 'disk-full');
});

test('what is on its way takes space as it comes, and gives it back when it is given up; what is only announced takes none', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 10, pinMs: 100, now: () => 0 });
  const announced = store.receive('d', sha256(Buffer.from('announced!')), 10);
  const half = store.receive('d', sha256(Buffer.from('123456789')), 9);
  await half.write(Buffer.from('12345678'));
  const other = store.receive('d', sha256(Buffer.from('abcd')), 4);
  const error = await t.throwsAsync(other.write(Buffer.from('abcd')), { instanceOf: WardError });
  t.is((error as WardError).code, 'disk-full');
  for (const receiver of [announced, half, other]) receiver.abort();
  t.true(store.has('d', await put(store, 'd', Buffer.from('abcd'))));
  const large = t.throws(() => store.receive('d', sha256(Buffer.from('x')), 11), { instanceOf: WardError });
  t.is(large.message, 'A content of 11 bytes is larger than this server\'s store.');
});

test('a store that is opened again knows what it kept, and forgets what was on its way', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store');
  const before = new Store({ directory, maxBytes: 1e6 });
  const digest = await put(before, 'lua', Buffer.from('kept'));
  const half = before.receive('lua', sha256(Buffer.from('half')), 4);
  await half.write(Buffer.from('ha'));
  const after = new Store({ directory, maxBytes: 1e6 });
  t.true(after.has('lua', digest));
  t.is(after.bytes, 4);
});
