import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { JobFailure } from '../../../server/jobs/job-failure.ts';

const usage = { wallMs: 6040, userMs: 9800, systemMs: 340, maxRssKb: 200_500 };

test('what ended a job is a typed error that says what the job had used', (t) => {
  const failure = new JobFailure('cpu-limit', 'The compiler used more CPU time than allowed.', usage);
  t.true(failure instanceof WardError);
  t.is(failure.code, 'cpu-limit');
  t.is(failure.message, 'The compiler used more CPU time than allowed. (used: 10.1 s of CPU time in 6.0 s, 196 MiB)');
  t.is(failure.usage, usage);
});

test('without a sentence of the executor the code speaks', (t) => {
  t.is(new JobFailure('sandbox-failed', undefined, usage).message, 'The sandbox could not be set up.');
});
