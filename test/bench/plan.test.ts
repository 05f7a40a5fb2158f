import test from 'ava';
import fc from 'fast-check';
import { durations, ideal, wholePlan } from '../../bench/simulation/plan.ts';

const lengths = fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 200 });

test('the ideal is at least the work shared by all slots and the longest job, and at most a job more than the share', (t) => {
  fc.assert(fc.property(lengths, fc.integer({ min: 1, max: 64 }), (jobs, slots) => {
    const share = jobs.reduce((sum, job) => sum + job, 0) / slots;
    const longest = Math.max(...jobs);
    const last = ideal(jobs, slots);
    t.true(last >= Math.max(share, longest) - 1e-6);
    t.true(last <= share + longest);
  }));
});

test('each job begins on the slot that is free first', (t) => {
  fc.assert(fc.property(lengths, fc.integer({ min: 1, max: 64 }), (jobs, slots) => {
    const free = Array.from({ length: slots }, () => 0);
    for (const job of jobs) free[free.indexOf(Math.min(...free))]! += job;
    t.is(ideal(jobs, slots), Math.max(...free));
  }));
});

test('the jobs of a plan are the same each time, all between the shortest and the longest, and half way between on average', (t) => {
  const jobs = durations(wholePlan);
  t.deepEqual(jobs, durations(wholePlan));
  t.notDeepEqual(jobs, durations(wholePlan, 2));
  t.is(jobs.length, 20_000);
  t.true(jobs.every((job) => job >= 200 && job <= 5_000));
  t.true(Math.abs(jobs.reduce((sum, job) => sum + job, 0) / jobs.length - 2_600) < 50);
});
