/**
 * `wardctl provenance` on a real farm: what a server made is proved, also to somebody who has nothing but the envelope and the key; what
 * was changed, compiled here, recalled or never seen is told apart.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { farmLayout } from '../../ctl/dev/layout.ts';
import { loadFarm } from '../../policy/farm.ts';
import type { Envelope } from '../../protocol/statement.ts';
import { until } from '../fixtures/changing-farm.ts';
import type { Ended } from '../fixtures/command.ts';
import { readEvents } from '../fixtures/decision-log.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';
import { resultKey, writeSignedFarm } from '../fixtures/signed-farm.ts';

const shared = shareFarm(test, ['--cores', '1']);
const layout = () => farmLayout(join(shared.place, 'farm'));
const keeperKey = (): string => join(layout().server(1), 'state/keeper/result-key.pub.pem');

const work = (): Promise<string> => shared.directory('work');
const wardctl = async (...args: string[]) => shared.run(['wardctl', ...args], { cwd: await work() });
const provenance = (...args: string[]) => wardctl('provenance', ...args);

/** What is said of a file once its record is there: the agent writes it when the job is done. */
const recorded = (file: string): Promise<Ended> => until(`a record of ${file}`, async () => {
  const ended = await provenance(file);
  return /: unknown: /.test(ended.stdout) ? undefined : ended;
});

const compile = async (t: ExecutionContext, name: string, ...more: string[]): Promise<void> => {
  const cwd = await work();
  writeFileSync(join(cwd, `${name}.c`), `int ${name};\n`);
  const { status, stderr } = await shared.run(['wardcc', 'gcc', ...more, '-c', `${name}.c`], { cwd });
  t.is(status, 0, stderr);
};

test.serial('what a server made is verified: its digest, its signature, the farm file', async (t) => {
  await compile(t, 'made');
  const { status, stdout, stderr } = await recorded('made.o');
  t.is(status, 0, stderr);
  t.regex(stdout, /^made\.o\n/);
  t.regex(stdout, /^ {2}server +127\.0\.0\.1$/m);
  t.regex(stdout, /^ {2}for +cert:\S+$/m);
  t.regex(stdout, /^ {2}domain +project:default$/m);
  t.regex(stdout, /^made\.o: verified: signed by the key [0-9a-f]{16} of 127\.0\.0\.1, which .*farm\.jsonc lists \(serial [0-9]+, epoch 1, signed by [0-9A-F]{16}\); epoch 1; the file is as it was made\.$/m);
});

test.serial('openssl verifies the envelope with the key of the keeper, and the statement says what the log says', async (t) => {
  const { status, stdout } = await provenance('--json', 'made.o');
  t.is(status, 0);
  const envelope = JSON.parse(stdout) as Envelope;
  const statement = Buffer.from(envelope.payload, 'base64');
  const directory = await work();
  const [signed, signature] = [join(directory, 'signed.bin'), join(directory, 'signature.bin')];
  // The pre-authentication encoding, as the specification of DSSE has it.
  writeFileSync(signed, Buffer.concat([Buffer.from(`DSSEv1 ${envelope.payloadType.length} ${envelope.payloadType} ${statement.length} `), statement]));
  writeFileSync(signature, Buffer.from(envelope.signatures[0].sig, 'base64'));
  const openssl = (input: string): string =>
    execFileSync('openssl', ['pkeyutl', '-verify', '-rawin', '-pubin', '-inkey', keeperKey(), '-in', input, '-sigfile', signature], { encoding: 'utf8' });
  t.regex(openssl(signed), /Signature Verified Successfully/);
  writeFileSync(signed, 'x', { flag: 'a' });
  t.throws(() => openssl(signed), { message: /pkeyutl/ });

  const said = JSON.parse(statement.toString('utf8'));
  t.is(said._type, 'https://in-toto.io/Statement/v1');
  t.is(said.predicateType, 'https://slsa.dev/provenance/v1');
  const sha256 = execFileSync('sha256sum', [join(directory, 'made.o')], { encoding: 'utf8' }).slice(0, 64);
  t.deepEqual(said.subject, [{ name: join(directory, 'made.o'), digest: { sha256 } }]);
  const job = Number(said.predicate.runDetails.metadata.invocationId);
  const decision = readEvents(layout().log).find(({ seq }) => seq === job);
  const { internalParameters, externalParameters, resolvedDependencies } = said.predicate.buildDefinition;
  t.like(decision, { event: 'job.allowed', principal: internalParameters.principal, domain: internalParameters.domain });
  t.is(decision?.policy?.digest, internalParameters.policy);
  t.is(decision?.request?.toolchain, resolvedDependencies[0].digest.sha256);
  const end = await until('the end of the job', () => readEvents(layout().log).find(({ event, of }) => event === 'job.end' && of === job));
  t.is(end.action, externalParameters.action);
  t.deepEqual(end.outputs, [sha256]);
});

test.serial('somebody who has only the object, the envelope and the key can verify it; not with another key, nor with another object', async (t) => {
  const directory = await work();
  writeFileSync(join(directory, 'made.json'), (await provenance('--json', 'made.o')).stdout);
  copyFileSync(join(directory, 'made.o'), join(directory, 'copy.o'));
  const elsewhere = (...args: string[]) =>
    shared.run(['wardctl', 'provenance', '--envelope', 'made.json', ...args], { cwd: directory, settings: { WARDCC_CONFIG: join(directory, 'empty.jsonc') } });
  writeFileSync(join(directory, 'empty.jsonc'), '{}');
  const verified = await elsewhere('--key', keeperKey(), 'copy.o');
  t.is(verified.status, 0, verified.stderr);
  t.regex(verified.stdout, /^copy\.o: verified: signed by the key [0-9a-f]{16}, which was given; epoch 1/m);

  const untrusted = await elsewhere('copy.o');
  t.is(untrusted.status, 2);
  t.regex(untrusted.stdout, /^copy\.o: not verified: client\.jsonc trusts no farm file \(trust\.farm\), and no --key was given$/m);

  const { key, id } = resultKey();
  writeFileSync(join(directory, 'stranger.pem'), key.export({ type: 'pkcs8', format: 'pem' }));
  const stranger = await elsewhere('--key', 'stranger.pem', 'copy.o');
  t.is(stranger.status, 2);
  t.true(stranger.stdout.includes(`and the key that was given is ${id}`));

  writeFileSync(join(directory, 'copy.o'), 'x', { flag: 'a' });
  const changed = await elsewhere('--key', keeperKey(), 'copy.o');
  t.is(changed.status, 3);
  t.regex(changed.stdout, /^copy\.o: the envelope is about other files: /);

  const envelope = JSON.parse(readFileSync(join(directory, 'made.json'), 'utf8')) as Envelope;
  const forged = Buffer.from(envelope.payload, 'base64').toString().replace('project:default', 'project:altered');
  writeFileSync(join(directory, 'made.json'), JSON.stringify({ ...envelope, payload: Buffer.from(forged).toString('base64') }));
  const altered = await elsewhere('--key', keeperKey(), 'made.o');
  t.is(altered.status, 2);
  t.regex(altered.stdout, /^made\.o: not verified: its signature is not valid$/m);
});

test.serial('a file that changed, one that was compiled here, one that nobody knows, and one that cannot be read', async (t) => {
  const directory = await work();
  await compile(t, 'altered');
  writeFileSync(join(directory, 'altered.o'), 'x', { flag: 'a' });
  const changed = await recorded('altered.o');
  t.is(changed.status, 3);
  t.regex(changed.stdout, /^altered\.o: changed since a server made it at \S+: its SHA-256 was [0-9a-f]{64} and is [0-9a-f]{64}\.$/m);

  await compile(t, 'here', '-D', 'NOW=__DATE__', '-wrapper', 'env');
  const local = await recorded('here.o');
  t.is(local.status, 2);
  t.regex(local.stdout, /^here\.o: compiled on this machine at \S+ \(\S.*\): no server vouches for it\.$/m);

  writeFileSync(join(directory, 'unknown.o'), 'object');
  const unknown = await provenance('unknown.o');
  t.is(unknown.status, 2);
  t.regex(unknown.stdout, /^unknown\.o: unknown: no server made it for this user/);

  const missing = await provenance('missing.o');
  t.is(missing.status, 1);
  t.regex(missing.stderr, /missing\.o cannot be read/);
});

test.serial('the record outlives the agent, and a result that is given again has it still', async (t) => {
  await wardctl('stop');
  t.is((await provenance('made.o')).status, 0);
  execFileSync('rm', ['-r', join(layout().directory, 'cache/provenance')]);
  t.is((await provenance('made.o')).status, 2);
  await compile(t, 'made');
  t.like((await shared.counts()).jobs, { hit: 1 });
  t.is((await recorded('made.o')).status, 0);
});

test.serial('an object of an epoch that was recalled is told as such', async (t) => {
  const { serial, servers } = await loadFarm(layout().farm);
  const resultKeys = [...servers.get('127.0.0.1')!.resultKeys.values()].map((key) => key.export({ type: 'spki', format: 'der' }).toString('base64'));
  await writeSignedFarm(layout(), { serial: serial + 1, epoch: 2, servers: [{ name: '127.0.0.1', resultKeys }] });
  const recalled = await provenance('made.o');
  t.is(recalled.status, 2);
  t.regex(recalled.stdout, /^made\.o: not verified: it was recalled: it is of epoch 1, and the farm file of epoch 2$/m);
  // Server and agent look at the farm file once a second. While only one of them knows it, nothing is compiled.
  const cwd = await work();
  const again = await until('an object of the new epoch', async () => {
    const { status } = await shared.run(['wardcc', 'gcc', '-c', 'made.c'], { cwd });
    const ended = await provenance('made.o');
    return status === 0 && ended.status === 0 ? ended : undefined;
  });
  t.regex(again.stdout, /; epoch 2; the file is as it was made\.$/m);
});
