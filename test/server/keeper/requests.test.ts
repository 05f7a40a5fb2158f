import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { verifyResult } from '../../../policy/log/checkpoint.ts';
import { WardError } from '../../../protocol/errors.ts';
import { append, jobAllowed, jobEnd, startKeeper, stop } from '../../fixtures/keeper.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const refused = async (t: ExecutionContext, asked: Promise<unknown>, code: string, message: string) => {
  const error = await t.throwsAsync(asked, { instanceOf: WardError });
  t.deepEqual([error?.code, error?.message], [code, message]);
};

test('the front can append, but not write what the keeper says, nor what is no event', async (t) => {
  const keeper = await startKeeper(t, { directory: await temporaryDirectory(t) });
  await refused(
    t,
    append(keeper, { event: 'log.closed' }),
    'protocol-violation',
    'The keeper does not take this: the event log.closed is not for the front to write.',
  );
  await refused(
    t,
    append(keeper, { event: 'job.allowed' }),
    'protocol-violation',
    'The keeper does not take this: the event job.allowed lacks "principal".',
  );
  await refused(
    t,
    append(keeper, { ...jobAllowed('x'), seq: 1 }),
    'protocol-violation',
    'The keeper does not take this: the event is not valid:  must NOT have additional properties.',
  );
  await refused(
    t,
    append(keeper, { ...jobAllowed('x'), committer: 'x'.repeat(257) }),
    'protocol-violation',
    'The keeper does not take this: the event is not valid: /committer must NOT have more than 256 characters.',
  );
  await refused(
    t,
    keeper.peer.request({ type: 'truncate' }),
    'protocol-violation',
    'The keeper takes no request "truncate" from the front.',
  );
  await refused(
    t,
    keeper.peer.request({ type: '__proto__' }),
    'protocol-violation',
    'The keeper takes no request "__proto__" from the front.',
  );
  t.is((await append(keeper, jobAllowed('x'))).seq, 2);
});

test('a job ends once', async (t) => {
  const keeper = await startKeeper(t, { directory: await temporaryDirectory(t) });
  const { seq } = await append(keeper, jobAllowed('x'));
  const { event: _, ...end } = jobEnd(seq);
  t.is((await keeper.peer.request({ type: 'end', ...end })).json.seq, 3);
  await refused(t, append(keeper, jobEnd(seq)), 'protocol-violation', 'Record 2 is no job that could end.');
  await refused(t, append(keeper, jobEnd(1)), 'protocol-violation', 'Record 1 is no job that could end.');
});

test('results are signed only for jobs that are in the log and not over', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory, config: { epoch: 3 } });
  const { seq } = await append(keeper, jobAllowed('x'));
  const [action, result] = ['11'.repeat(32), '22'.repeat(32)];
  const { json } = await keeper.peer.request({ type: 'sign', job: seq, action, result });
  const key = createPublicKey(readFileSync(join(directory, 'state', 'result-key.pub.pem')));
  t.true(verifyResult({ server: 'test.example', epoch: 3, action, result }, json.signature, key));
  t.false(verifyResult({ server: 'test.example', epoch: 3, action, result: action }, json.signature, key));
  t.false(verifyResult({ server: 'other.example', epoch: 3, action, result }, json.signature, key));
  const closed = 'The keeper signs results only for jobs that are in the log and not over.';
  await refused(t, keeper.peer.request({ type: 'sign', job: seq + 1, action, result }), 'protocol-violation', closed);
  await refused(
    t,
    keeper.peer.request({ type: 'sign', job: seq, action: 'x', result }),
    'protocol-violation',
    'The keeper signs digests only.',
  );
  await append(keeper, jobEnd(seq));
  await refused(t, keeper.peer.request({ type: 'sign', job: seq, action, result }), 'protocol-violation', closed);
});

test('the redaction key is told once and is the same after a restart', async (t) => {
  const directory = await temporaryDirectory(t);
  const keys: string[] = [];
  for (let round = 0; round < 2; round += 1) {
    const keeper = await startKeeper(t, { directory });
    keys.push((await keeper.peer.request({ type: 'redaction-key' })).json.key);
    await refused(t, keeper.peer.request({ type: 'redaction-key' }), 'protocol-violation', 'The keeper answers "redaction-key" only once.');
    await stop(keeper);
  }
  t.regex(keys[0]!, /^[0-9a-f]{64}$/);
  t.is(keys[0], keys[1]);
});
