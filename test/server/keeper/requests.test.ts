import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { keyId, verifyResult } from '../../../policy/log/checkpoint.ts';
import { WardError } from '../../../protocol/errors.ts';
import { statementOf, type Claim } from '../../../protocol/statement.ts';
import { append, jobAllowed, jobEnd, runKeeper, startKeeper, stop } from '../../fixtures/keeper.ts';
import { farmSigner } from '../../fixtures/signed-farm.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const refused = async (t: ExecutionContext, asked: Promise<unknown>, code: string, message: string) => {
  const error = await t.throwsAsync(asked, { instanceOf: WardError });
  t.deepEqual([error?.code, error?.message], [code, message]);
};

/** What came out of a job, as the front tells it. */
const outcome = {
  action: '11'.repeat(32),
  stdout: { digest: '22'.repeat(32), size: 0 },
  stderr: { digest: '33'.repeat(32), size: 9 },
  outputs: [{ index: 0, mode: 0o644, digest: '44'.repeat(32), size: 1000 }],
  names: ['/home/alice/a.o'],
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
  const keeper = await startKeeper(t, { directory });
  const { seq } = await append(keeper, jobAllowed('x'));
  const { json } = await keeper.peer.request({ type: 'sign', job: seq, ...outcome });
  const key = createPublicKey(readFileSync(join(directory, 'state', 'result-key.pub.pem')));
  const { signature, key: id, ...said } = json;
  t.like(said, { domain: 'project:default', epoch: 1, job: seq, principal: 'cert:alice@corp.example', policy: 'ab'.repeat(32) });
  t.is(id, keyId(key));
  t.true(Math.abs(Date.parse(said.finished) - Date.now()) < 60_000);
  const claim: Claim = { server: 'test.example', toolchain: '12'.repeat(32), action: outcome.action, ...said };
  t.true(verifyResult(statementOf(claim, outcome, outcome.names), signature, key));
  const [object] = outcome.outputs;
  for (const other of [
    statementOf({ ...claim, server: 'other.example' }, outcome, outcome.names),
    statementOf({ ...claim, toolchain: '13'.repeat(32) }, outcome, outcome.names),
    statementOf(claim, { ...outcome, outputs: [{ ...object!, digest: '78'.repeat(32) }] }, outcome.names),
    statementOf(claim, { ...outcome, outputs: [{ ...object!, mode: 0o755 }] }, outcome.names),
    statementOf(claim, { ...outcome, stderr: { digest: '78'.repeat(32), size: 1 } }, outcome.names),
    statementOf(claim, outcome, ['/b.o']),
  ]) t.false(verifyResult(other, signature, key));
  const closed = 'The keeper signs results only for jobs that are in the log and not over.';
  await refused(t, keeper.peer.request({ type: 'sign', job: seq + 1, ...outcome }), 'protocol-violation', closed);
  await refused(
    t,
    keeper.peer.request({ type: 'sign', job: seq, ...outcome, action: 'x' }),
    'protocol-violation',
    'The keeper signs outcomes of jobs only, described as its table says.',
  );
  await refused(
    t,
    keeper.peer.request({ type: 'sign', job: seq, ...outcome, epoch: 99 }),
    'protocol-violation',
    'The keeper signs outcomes of jobs only, described as its table says.',
  );
  await append(keeper, jobEnd(seq));
  await refused(t, keeper.peer.request({ type: 'sign', job: seq, ...outcome }), 'protocol-violation', closed);
});

test('the domain that is signed is the one in which the result may be kept', async (t) => {
  const keeper = await startKeeper(t, { directory: await temporaryDirectory(t) });
  for (const [cache, domain] of [['domain', 'project:default'], ['none', 'project:default'], ['own', '["project:default","alice"]']] as const) {
    const { seq } = await append(keeper, { ...jobAllowed('x'), cache });
    t.is((await keeper.peer.request({ type: 'sign', job: seq, ...outcome })).json.domain, domain);
  }
});

test('the epoch is that of the signed farm file, which the keeper reads itself; a broken or older one changes nothing', async (t) => {
  const directory = await temporaryDirectory(t);
  const [file, signer, stranger] = [join(directory, 'farm.jsonc'), farmSigner(), farmSigner()];
  const put = (serial: number, epoch: number, by = signer): void => by.write(file, { serial, epoch, servers: [{ name: 'test.example' }] });
  put(1, 3);
  const keeper = await startKeeper(t, { directory, config: { farm: { file, publicKey: signer.publicKey } } });
  const { seq } = await append(keeper, jobAllowed('x'));
  const signedEpoch = async (): Promise<number> => (await keeper.peer.request({ type: 'sign', job: seq, ...outcome })).json.epoch;
  t.is(await signedEpoch(), 3);
  put(2, 4);
  t.deepEqual((await keeper.peer.request({ type: 'farm', epoch: 99 })).json, { epoch: 4 });
  t.is(await signedEpoch(), 4);
  put(3, 5, stranger);
  await t.throwsAsync(keeper.peer.request({ type: 'farm' }), { instanceOf: WardError, code: 'config-invalid', message: /the signature is of the key .* which does not count here/ });
  put(1, 3);
  await t.throwsAsync(keeper.peer.request({ type: 'farm' }), { instanceOf: WardError, code: 'config-invalid', message: /serial 1, older than 2/ });
  t.is(await signedEpoch(), 4);
});

test('without a farm file that is signed by the right key a keeper does not start', async (t) => {
  const directory = await temporaryDirectory(t);
  const [file, signer] = [join(directory, 'farm.jsonc'), farmSigner()];
  farmSigner().write(file, { serial: 1, epoch: 3, servers: [{ name: 'test.example' }] });
  const { how, stderr } = await runKeeper(t, { directory, config: { farm: { file, publicKey: signer.publicKey } } });
  t.is(how, 1);
  t.regex(stderr, /farm\.jsonc\.minisig: the signature is of the key [0-9A-F]{16}, which does not count here/);
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
