import test from 'ava';
import { Rate } from '../../../server/queue/rate.ts';

test('a burst is taken at once, then as many as time brings', (t) => {
  let now = 0;
  const rate = new Rate({ perSecond: 10, burst: 3 }, () => now);
  const take = (times: number): boolean[] => Array.from({ length: times }, () => rate.take());
  t.deepEqual(take(4), [true, true, true, false]);
  now = 99;
  t.false(rate.take());
  now = 201;
  t.deepEqual(take(3), [true, true, false]);
});

test('what is not taken is kept up to the burst, however long', (t) => {
  let now = 0;
  const rate = new Rate({ perSecond: 1000, burst: 2 }, () => now);
  now = 1e9;
  t.deepEqual([rate.take(), rate.take(), rate.take()], [true, true, false]);
});
