import test, { type ExecutionContext } from 'ava';
import type { ClientConfig } from '../../../client/config.ts';
import { loadSignedFarm } from '../../../policy/farm.ts';
import { parsePublicKey } from '../../../policy/signature/format.ts';
import { signResult } from '../../../policy/log/checkpoint.ts';
import { actionDigest } from '../../../protocol/action.ts';
import type { Stream } from '../../../protocol/channel.ts';
import { WardError } from '../../../protocol/errors.ts';
import type { Probe, ResultSignature } from '../../../protocol/messages.ts';
import { statementOf } from '../../../protocol/statement.ts';
import { join } from 'node:path';
import { farmSigner, resultKey, type ResultKey } from '../../fixtures/signed-farm.ts';
import { sha256, testFarm, testJob, type ServerBehaviour, type TestFarm } from '../farm/server.ts';

const object = Buffer.from('object');
const part = (content: Buffer) => ({ digest: sha256(content), size: content.length });

interface Claim {
  readonly key: ResultKey;
  readonly server?: string;
  readonly epoch?: number;
  readonly domain?: string;
  /** What the signature is made of, where that is something else than what is sent. */
  readonly probe?: (probe: Probe) => Probe;
  readonly content?: Buffer;
  readonly stderr?: Buffer;
  readonly names?: readonly string[];
  readonly change?: (signed: ResultSignature) => ResultSignature | undefined;
  readonly code?: number;
}

/** A server that answers with an object, and claims that its keeper has signed it. */
const claiming = ({ key, server = 'build1.corp.test', epoch = 7, domain = 'project:default', ...claim }: Claim): NonNullable<ServerBehaviour['job']> =>
  (stream: Stream, probe: Probe): void => {
    const output = { index: 0, mode: 0o666, ...part(object) };
    const parts = { stdout: part(Buffer.alloc(0)), stderr: part(claim.stderr ?? Buffer.alloc(0)), outputs: [{ ...output, ...part(claim.content ?? object) }] };
    const action = actionDigest(claim.probe?.(probe) ?? probe, domain);
    const said = { domain, epoch, job: 12, principal: 'cert:alice@corp.test', policy: '9'.repeat(64), finished: '2026-11-28T12:00:00.000Z' };
    const statement = statementOf({ server, toolchain: probe.toolchain, action, ...said }, parts, claim.names ?? probe.outputs);
    const signed: ResultSignature = { ...said, key: key.id, signature: signResult(statement, key.key) };
    const shown = claim.change === undefined ? signed : claim.change(signed);
    stream.onData((chunk) => stream.consumed(chunk.length));
    stream.onEnd(() => {
      stream.send({
        type: 'result', cached: false, keep: true, status: { code: claim.code ?? 0, signal: 0 }, stdout: 0, stderr: 0, outputs: [output],
        usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1 }, server, ...(shown === undefined ? {} : { signed: shown }),
      });
      stream.write(object, { end: true }).catch(() => {});
    });
    stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
  };

const key = resultKey();

/** A configuration with a farm file of epoch 7 that lists `key` for build1. */
const withFarm = async (setup: TestFarm): Promise<Pick<ClientConfig, 'farm'>> => {
  const signer = farmSigner();
  const file = join(setup.directory, 'farm.jsonc');
  signer.write(file, { serial: 1, epoch: 7, servers: [{ name: 'build1.corp.test', resultKeys: [key.line] }, { name: 'build2.corp.test' }] });
  return { farm: { ...await loadSignedFarm({ file, keys: [parsePublicKey(signer.publicKey, 'test')] }), file } };
};

const never = new AbortController().signal;
const compile = async (t: ExecutionContext, ...claims: Claim[]) => {
  const setup = await testFarm(t);
  const servers = await Promise.all(claims.map((claim) => setup.start({ job: claiming(claim) })));
  return setup.client(servers, await withFarm(setup)).compile(testJob(), never);
};

test('a success that a keeper of the farm has signed for this job is taken, also one of a later epoch', async (t) => {
  for (const epoch of [7, 8]) t.deepEqual((await compile(t, { key, epoch })).outputs[0]?.content, object);
});

test('a failure needs no signature', async (t) => {
  t.is((await compile(t, { key, code: 1, change: () => undefined })).result.status.code, 1);
});

const stranger = resultKey();

for (const [title, claim, why] of [
  ['without a signature', { key, change: () => undefined }, 'it is not signed'],
  ['of a server that the farm file does not name', { key, server: 'build9.corp.test' }, 'the farm file does not name this server'],
  ['by a key that is nobody\'s', { key: stranger }, `the farm file does not list the key ${stranger.id} for this server`],
  ['by another server\'s key', { key, server: 'build2.corp.test' }, `the farm file does not list the key ${key.id} for this server`],
  ['by a stranger under the name of a key', { key: { ...stranger, id: key.id } }, 'its signature is not valid for this job'],
  ['of an older epoch', { key, epoch: 6 }, 'it is of epoch 6, and the farm file of epoch 7'],
  ['of an older epoch that claims to be of today', { key, epoch: 6, change: (signed: ResultSignature) => ({ ...signed, epoch: 7 }) }, 'its signature is not valid for this job'],
  ['for another command', { key, probe: (probe: Probe) => ({ ...probe, argv: [...probe.argv, '-O2'] }) }, 'its signature is not valid for this job'],
  ['for other inputs', { key, probe: (probe: Probe) => ({ ...probe, tree: 'f'.repeat(64) }) }, 'its signature is not valid for this job'],
  ['for another compiler', { key, probe: (probe: Probe) => ({ ...probe, toolchain: 'f'.repeat(64) }) }, 'its signature is not valid for this job'],
  ['under another policy', { key, change: (signed: ResultSignature) => ({ ...signed, policy: '8'.repeat(64) }) }, 'its signature is not valid for this job'],
  ['for somebody else', { key, change: (signed: ResultSignature) => ({ ...signed, principal: 'cert:bob@corp.test' }) }, 'its signature is not valid for this job'],
  ['with another number in the log', { key, change: (signed: ResultSignature) => ({ ...signed, job: 13 }) }, 'its signature is not valid for this job'],
  ['of another time', { key, change: (signed: ResultSignature) => ({ ...signed, finished: '2026-11-28T12:00:00.001Z' }) }, 'its signature is not valid for this job'],
  ['under another name', { key, names: ['/home/alice/1.o'] }, 'its signature is not valid for this job'],
  ['for another domain', { key, change: (signed: ResultSignature) => ({ ...signed, domain: 'other' }) }, 'its signature is not valid for this job'],
  ['for another object', { key, content: Buffer.from('objekt') }, 'its signature is not valid for this job'],
  ['for other diagnostics', { key, stderr: Buffer.from('warning') }, 'its signature is not valid for this job'],
] as const) {
  test(`a success ${title} is no result`, async (t) => {
    const name = 'server' in claim ? claim.server : 'build1.corp.test';
    const error = await t.throwsAsync(compile(t, claim), { instanceOf: WardError, code: 'result-untrusted' });
    t.is(error.message, `A result of the server ${name} is not used: ${why}.`);
    t.regex(error.at ?? '', /^127\.0\.0\.1:/);
  });
}

test('another server is asked when a result may not be believed', async (t) => {
  const result = await compile(t, { key: stranger }, { key });
  t.deepEqual(result.outputs[0]?.content, object);
  t.like(result.result, { signed: { key: key.id } });
});

test('without a farm file a signature is not looked at', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start({ job: claiming({ key: stranger }) });
  t.deepEqual((await setup.client([server]).compile(testJob(), never)).outputs[0]?.content, object);
});
