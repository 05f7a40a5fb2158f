import test from 'ava';
import { JobRate } from '../../../server/front/job-rate.ts';

test('too many jobs a second are busy, and a session that goes on asking has to end', (t) => {
  let now = 0;
  const rate = new JobRate({ perSecond: 10, burst: 2 }, () => now);
  const codes = (count: number) => Array.from({ length: count }, () => rate.refusal()?.code);
  t.deepEqual(codes(5), [undefined, undefined, 'busy', 'busy', 'limit-exceeded']);
  now = 100;
  t.deepEqual(codes(2), [undefined, 'busy']);
  t.is(rate.refusal()?.message, 'The session goes on asking for more than 10 jobs a second.');
});
