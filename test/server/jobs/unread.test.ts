import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { Unread, type UnreadLimits } from '../../../server/jobs/unread.ts';

const after = (ms: number, expire: () => void): (() => void) => {
  const timer = setTimeout(expire, ms);
  return () => clearTimeout(timer);
};
const make = (changes: Partial<UnreadLimits> = {}): Unread =>
  new Unread({ after }, { share: 100, memory: 150, heldMs: 30, stallMs: 30, fetchMs: 30, ...changes });
const never = new Promise<void>(() => {});
const alice = 'cert:alice';
const bob = 'cert:bob';

test('a finished job gives its place back before its client has read a byte', async (t) => {
  const unread = make();
  let left = 0;
  void unread.send({ principal: alice, bytes: 60, leavePlace: () => left++ }, () => never);
  await new Promise(setImmediate);
  t.is(left, 1);
  t.is(unread.of(alice), 60);
});

test('beyond its share a principal keeps its places, and not for long; others are not concerned', async (t) => {
  const unread = make();
  let left = 0;
  const send = (principal: string) => unread.send({ principal, bytes: 60, leavePlace: () => left++ }, () => never);
  void send(alice);
  const second = send(alice);
  void send(bob);
  t.is(left, 2);
  const error = await t.throwsAsync(second, { instanceOf: WardError, message: 'The client has too many results unread.' });
  t.is((error as WardError).code, 'job-timeout');
  t.is(unread.of(alice), 60);
});

test('what was read counts no more', async (t) => {
  const unread = make();
  await unread.send({ principal: alice, bytes: 90 }, async () => {});
  await unread.send({ principal: alice, bytes: 1000 }, async () => {});
  t.is(unread.of(alice), 0);
});

test('kept results are taken into memory while there is room, and one always', (t) => {
  const unread = make();
  const big = unread.hold(alice, 1000)!;
  t.is(unread.hold(bob, 1), undefined);
  big();
  big();
  const first = unread.hold(alice, 80);
  t.truthy(first);
  t.is(unread.hold(alice, 30), undefined);
  t.truthy(unread.hold(bob, 30));
  t.is(unread.hold('cert:carol', 50), undefined);
});

test('a client that takes nothing is given up', async (t) => {
  const unread = make();
  const stream = { write: () => never } as never;
  const error = await t.throwsAsync(unread.write(stream, Buffer.alloc(1), true), { instanceOf: WardError, message: 'The client does not take the result.' });
  t.is((error as WardError).code, 'job-timeout');
});
