import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { readAnswer } from '../../../server/front/executor-answer.ts';

const prefix = '/spool/0/7';
const digest = 'a'.repeat(64);
const done = {
  type: 'done', status: { code: 0, signal: 0 }, usage: { wallMs: 1.5, userMs: 1, systemMs: 0, maxRssKb: 1000 },
  stdout: { path: `${prefix}-stdout`, size: 0 }, stderr: { path: `${prefix}-stderr`, size: 3 },
  outputs: [{ index: 0, path: `${prefix}-0`, size: 10, digest, mode: 0o644 }],
};

test('what an executor says of its own job is taken as it is', (t) => {
  const { type: _, ...rest } = done;
  t.deepEqual(readAnswer(done, prefix, 1), rest);
});

test('an end that was not the compiler\'s own has a code of ours', (t) => {
  t.deepEqual(readAnswer({ ...done, verdict: 'cpu-limit', sentence: 'Too long.' }, prefix, 1).verdict, { code: 'cpu-limit', sentence: 'Too long.' });
  t.deepEqual(readAnswer({ ...done, verdict: 'rm -rf' }, prefix, 1).verdict, { code: 'internal', sentence: undefined });
});

const [output] = done.outputs;
const lies: Record<string, unknown> = {
  'nothing': null,
  'a file elsewhere as an output': { ...done, outputs: [{ ...output, path: '/etc/wardcc/server.key' }] },
  'a file of another job as an output': { ...done, outputs: [{ ...output, path: '/spool/0/6-0' }] },
  'a way out of the spool': { ...done, outputs: [{ ...output, path: `${prefix}-0/../../1/9-0` }] },
  'a file elsewhere as what was printed': { ...done, stderr: { path: '/etc/wardcc/server.key', size: 3 } },
  'no standard output': { ...done, stdout: undefined },
  'an output that was not asked for': { ...done, outputs: [{ ...output, index: 1, path: `${prefix}-1` }] },
  'an output twice': { ...done, outputs: [output, output] },
  'a size below nothing': { ...done, outputs: [{ ...output, size: -1 }] },
  'a size that is no number': { ...done, stderr: { path: `${prefix}-stderr`, size: '3' } },
  'a mode with more than permissions': { ...done, outputs: [{ ...output, mode: 0o4755 }] },
  'a digest that is none': { ...done, outputs: [{ ...output, digest: 'a' }] },
  'a status that no process has': { ...done, status: { code: 256, signal: 0 } },
  'usage that is no number': { ...done, usage: { ...done.usage, wallMs: null } },
};

for (const [what, answer] of Object.entries(lies)) {
  test(`an executor that answers ${what} is not believed`, (t) => {
    const error = t.throws(() => readAnswer(answer, prefix, what === 'an output twice' ? 2 : 1), { instanceOf: WardError });
    t.is(error.code, 'sandbox-failed');
    t.is(error.message, 'The executor of this job gave an answer that no executor gives.');
  });
}
