import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { FairLine, type Release } from '../../../server/queue/fair-line.ts';

const never = new AbortController().signal;
const alice = { principal: 'cert:alice', weight: 1 };
const bob = { principal: 'cert:bob', weight: 1 };

test('a free place is given at once', async (t) => {
  const line = new FairLine(2, 0);
  await line.enter(alice, never);
  await line.enter(alice, never);
  t.is(line.taken, 2);
});

test('a full line answers busy, with how many wait', async (t) => {
  const line = new FairLine(1, 1);
  await line.enter(alice, never);
  void line.enter(alice, never);
  const error = await t.throwsAsync(() => line.enter(bob, never), { instanceOf: WardError, message: 'All 1 places are taken and 1 jobs stand in line.' });
  t.is((error as WardError).code, 'busy');
});

test('a waiter is told its position in line', async (t) => {
  const line = new FairLine(1, 5);
  await line.enter(alice, never);
  const positions: number[] = [];
  void line.enter(alice, never, (position) => positions.push(position));
  void line.enter(bob, never, (position) => positions.push(position));
  t.deepEqual(positions, [1, 2]);
});

test('a freed place goes to whoever holds the least, however late they came', async (t) => {
  const line = new FairLine(2, 10);
  const first = await line.enter(alice, never);
  await line.enter(alice, never);
  const order: string[] = [];
  void line.enter(alice, never).then(() => order.push('alice'));
  void line.enter(bob, never).then(() => order.push('bob'));
  first();
  await new Promise(setImmediate);
  t.deepEqual(order, ['bob']);
});

test('a principal of weight three holds three places for each one of another', async (t) => {
  const line = new FairLine(4, 100);
  const heavy = { principal: 'cert:heavy', weight: 3 };
  const releases: Release[] = [];
  const blockers = await Promise.all([1, 2, 3, 4].map(() => line.enter({ principal: 'cert:other', weight: 1 }, never)));
  const held = { heavy: 0, light: 0 };
  for (let n = 0; n < 8; n++) {
    void line.enter(heavy, never).then((release) => { held.heavy++; releases.push(release); });
    void line.enter(alice, never).then((release) => { held.light++; releases.push(release); });
  }
  for (const release of blockers) release();
  await new Promise(setImmediate);
  t.deepEqual(held, { heavy: 3, light: 1 });
});

test('a cancelled waiter leaves the line and takes no place', async (t) => {
  const line = new FairLine(1, 5);
  const release = await line.enter(alice, never);
  const ending = new AbortController();
  const waiting = line.enter(bob, ending.signal);
  ending.abort();
  const error = await t.throwsAsync(waiting, { instanceOf: WardError });
  t.is((error as WardError).code, 'cancelled');
  t.is(line.waiting, 0);
  release();
  t.is(line.taken, 0);
});

test('a place that was granted in the moment of cancellation is given back', async (t) => {
  const line = new FairLine(1, 5);
  const release = await line.enter(alice, never);
  const ending = new AbortController();
  const waiting = line.enter(bob, ending.signal);
  release();
  ending.abort();
  await t.throwsAsync(waiting, { instanceOf: WardError });
  t.is(line.taken, 0);
});

test('giving a place back twice frees one place', async (t) => {
  const line = new FairLine(2, 0);
  const release = await line.enter(alice, never);
  await line.enter(bob, never);
  release();
  release();
  t.is(line.taken, 1);
});

test('a principal that holds all its quota allows waits, while others take the free places', async (t) => {
  const line = new FairLine(4, 10);
  const greedy = { principal: 'cert:greedy', weight: 1, quota: { jobs: 2, queued: 1 } };
  const first = await line.enter(greedy, never);
  await line.enter(greedy, never);
  let third = false;
  void line.enter(greedy, never).then(() => { third = true; });
  await line.enter(bob, never);
  await new Promise(setImmediate);
  t.false(third);
  first();
  await new Promise(setImmediate);
  t.true(third);
});

test('a principal cannot have more jobs in line than its quota allows', async (t) => {
  const line = new FairLine(1, 10);
  const greedy = { principal: 'cert:greedy', weight: 1, quota: { jobs: 1, queued: 1 } };
  await line.enter(greedy, never);
  void line.enter(greedy, never);
  const error = await t.throwsAsync(() => line.enter(greedy, never), { instanceOf: WardError, message: 'cert:greedy has 1 jobs in line already, as many as the policy allows.' });
  t.is((error as WardError).code, 'busy');
  void line.enter(bob, never);
  t.is(line.waiting, 2);
});

test('nobody is sent away for somebody who may not stand in line either', async (t) => {
  const line = new FairLine(1, 4);
  await line.enter(alice, never);
  const limited = { principal: 'cert:limited', weight: 1, quota: { jobs: 1, queued: 1 } };
  const sentAway: number[] = [];
  for (const job of [1, 2, 3]) line.enter(alice, never).catch(() => sentAway.push(job));
  void line.enter(limited, never);
  const sentence = 'cert:limited has 1 jobs in line already, as many as the policy allows.';
  await t.throwsAsync(() => line.enter(limited, never), { instanceOf: WardError, code: 'busy', message: sentence });
  t.is(line.waiting, 4);
  t.deepEqual(sentAway, []);
});

test('a full line has room for whoever stands in it less often: the last job of the one who fills it is sent away', async (t) => {
  const line = new FairLine(1, 3);
  const release = await line.enter(alice, never);
  const order: string[] = [];
  const stand = (who: typeof alice, name: string): Promise<unknown> => line.enter(who, never).then(
    (leave) => {
      order.push(name);
      leave();
    },
    (error: WardError) => order.push(`${name} ${error.code}`),
  );
  const all = [stand(alice, 'a1'), stand(alice, 'a2'), stand(alice, 'a3'), stand(bob, 'b1')];
  await new Promise(setImmediate);
  t.deepEqual(order, ['a3 busy']);
  t.is(line.waiting, 3);
  // Two of alice's and one of bob's: another of bob's would stand there as often as hers.
  await stand(bob, 'b2');
  await stand(alice, 'a4');
  t.deepEqual(order, ['a3 busy', 'b2 busy', 'a4 busy']);
  release();
  await Promise.all(all);
  t.deepEqual(order.slice(3).sort(), ['a1', 'a2', 'b1']);
});

test('how often somebody may stand in a full line grows with the weight', async (t) => {
  const line = new FairLine(1, 3);
  await line.enter(alice, never);
  const heavy = { principal: 'cert:release', weight: 3 };
  const outcomes = [heavy, heavy, heavy].map((who) => line.enter(who, never));
  for (const outcome of outcomes) outcome.catch(() => {});
  const error = await t.throwsAsync(line.enter(bob, never), { instanceOf: WardError });
  t.is((error as WardError).code, 'busy');
  t.is(line.waiting, 3);
});
