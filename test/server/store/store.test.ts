import { createHash } from 'node:crypto';
import { existsSync, openSync, closeSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { Store } from '../../../server/store/store.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

async function put(store: Store, domain: string, content: Buffer, user?: string): Promise<string> {
  const digest = sha256(content);
  const receiver = store.receive(domain, digest, content.length, user);
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

test('a directory that could not be made is made when the next content comes', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const content = Buffer.from('int x;');
  // What is in the way for a moment stands for a full disk.
  const folder = dirname(join(store.directoryOf('lua'), Store.fileName(sha256(content))));
  mkdirSync(dirname(folder));
  writeFileSync(folder, '');
  await t.throwsAsync(() => put(store, 'lua', content), { instanceOf: WardError, code: 'internal', message: 'The content store failed: EEXIST.' });
  rmSync(folder);
  t.true(store.has('lua', await put(store, 'lua', content)));
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

let serial = 0;
/** Ten bytes that nothing else has. */
const ten = (): Buffer => Buffer.from(String(serial++).padStart(10, '0'));
/** A store of 100 bytes in which all is in use, and everybody has a share of 30. */
const smallStore = async (t: Parameters<typeof temporaryDirectory>[0]): Promise<Store> => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 100, pinMs: 1000, now: () => 0 });
  for (const person of ['alice', 'bob', 'mallory', 'eve']) store.shares.grant(person, 30);
  return store;
};

test('who fills the store pushes out what they brought themselves, the oldest first, and never what another has in use', async (t) => {
  const store = await smallStore(t);
  const alices = [await put(store, 'd', ten(), 'alice'), await put(store, 'd', ten(), 'alice')];
  const junk: string[] = [];
  for (let index = 0; index < 30; index++) junk.push(await put(store, 'd', ten(), 'mallory'));
  for (const digest of alices) t.true(store.has('d', digest, 'alice'));
  t.deepEqual(junk.map((digest) => store.has('d', digest, 'mallory')), junk.map((_, index) => index >= 22));
  t.true(store.bytes <= 100);
});

test('who is within their share gets room from those who are beyond theirs, up to it', async (t) => {
  const store = await smallStore(t);
  for (let index = 0; index < 10; index++) await put(store, 'd', ten(), 'mallory');
  for (let index = 0; index < 3; index++) t.true(store.has('d', await put(store, 'd', ten(), 'bob'), 'bob'));
  for (let index = 0; index < 3; index++) t.true(store.has('d', await put(store, 'd', ten(), 'alice'), 'alice'));
  t.true(store.bytes <= 100);
});

test('people who share what they bring hold no more of the store than their shares', async (t) => {
  const store = await smallStore(t);
  for (let index = 0; index < 10; index++) store.has('d', await put(store, 'd', ten(), 'mallory'), 'eve');
  t.true(store.has('d', await put(store, 'd', ten(), 'alice'), 'alice'));
});

test('what somebody beyond their share brought stays while another, who is within theirs, uses it', async (t) => {
  const store = await smallStore(t);
  const header = await put(store, 'd', ten(), 'mallory');
  t.true(store.has('d', header, 'bob'));
  for (let index = 0; index < 30; index++) await put(store, 'd', ten(), 'mallory');
  t.true(store.has('d', header, 'bob'));
});

test('nobody has more on its way at once than their share', async (t) => {
  const store = await smallStore(t);
  const receivers = Array.from({ length: 6 }, () => store.receive('d', sha256(ten()), 10, 'mallory'));
  const results = await Promise.allSettled(receivers.map((receiver) => receiver.write(Buffer.alloc(9))));
  t.deepEqual(results.map(({ status }) => status), ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']);
  const { reason } = results[3] as PromiseRejectedResult;
  t.is(reason.code, 'disk-full');
  t.is(reason.message, "mallory has more on its way than the share of 30 bytes of this server's store.");
  for (const receiver of receivers) receiver.abort();
  t.true(store.has('d', await put(store, 'd', ten(), 'mallory'), 'mallory'));
});

test('use that has ended counts for nobody', async (t) => {
  let now = 0;
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 100, pinMs: 1000, now: () => now });
  store.shares.grant('alice', 30);
  const digests = [await put(store, 'd', ten(), 'alice'), await put(store, 'd', ten(), 'alice'), await put(store, 'd', ten(), 'alice'), await put(store, 'd', ten(), 'alice')];
  t.true(store.shares.isBeyond('alice'));
  now = 2000;
  for (const digest of digests) t.true(store.has('d', digest, 'bob'));
  t.false(store.shares.isBeyond('alice'));
  t.true(store.shares.isBeyond('bob'));
});
