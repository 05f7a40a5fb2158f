/**
 * Jobs compiled twice, the whole way: launcher, agent, and a server of the farm. An honest one raises no alarm; one that signs wrong
 * objects under a key that the farm file lists is found out.
 *
 * @module
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { LocalToolchains } from '../../client/agent/toolchains.ts';
import { signResult } from '../../policy/log/checkpoint.ts';
import { actionDigest } from '../../protocol/action.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { Probe } from '../../protocol/messages.ts';
import { statementOf } from '../../protocol/statement.ts';
import { sha256, testFarm, type ServerBehaviour } from '../client/farm/server.ts';
import { shareFarm, type SharedFarm } from '../fixtures/shared-farm.ts';
import { farmSigner, resultKey, type ResultKey } from '../fixtures/signed-farm.ts';

const shared = shareFarm(test, ['--cores', '1']);

interface Verified {
  readonly jobs: { readonly remote: number };
  readonly verify: { readonly drawn: number; readonly agreed: number; readonly differed: number; readonly alarms: number; readonly directory: string };
}

const compile = async (name: string, settings: NodeJS.ProcessEnv): ReturnType<SharedFarm['run']> => {
  const cwd = await shared.directory('work');
  writeFileSync(join(cwd, `${name}.c`), `int ${name};\n`);
  return shared.run(['wardcc', 'gcc', '-c', `${name}.c`], { cwd, settings });
};

/** The agent's counts, once all that was drawn is done. */
const verified = async (settings: NodeJS.ProcessEnv): Promise<Verified> => {
  for (;;) {
    const stats = JSON.parse((await shared.run(['wardctl', 'stats', '--json'], { cwd: shared.place, settings })).stdout) as Verified & { verify: Record<string, number> };
    const { drawn, agreed, differed, unsteady, skipped } = stats.verify;
    if (drawn === agreed! + differed! + unsteady! + skipped!) return stats;
    await pause(100);
  }
};

test.serial('an honest server: each job that is drawn agrees, and there is no alarm', async (t) => {
  const settings = { WARDCC_VERIFY: '100%' };
  for (const name of ['one', 'two', 'three']) {
    const { status, stderr } = await compile(name, settings);
    t.is(status, 0, stderr);
    t.is(stderr, '');
  }
  const { verify } = await verified({});
  t.like(verify, { drawn: 3, agreed: 3, differed: 0, alarms: 0 });
  const shown = (await shared.run(['wardctl', 'stats'], { cwd: shared.place })).stdout;
  t.regex(shown, /^compiled twice$/m);
  t.regex(shown, /^ {2}agreed +3$/m);
  t.notRegex(shown, /ALARM/);
});

/** A server that signs an object which no compiler made. */
const lying = (key: ResultKey): NonNullable<ServerBehaviour['job']> => (stream: Stream, probe: Probe): void => {
  const content = Buffer.from('not what the compiler makes');
  const empty = { digest: sha256(Buffer.alloc(0)), size: 0 };
  const output = { index: 0, mode: 0o644, digest: sha256(content), size: content.length };
  const said = { domain: 'project:default', epoch: 1, job: 1, principal: 'cert:alice', policy: '9'.repeat(64), finished: new Date().toISOString() };
  const claim = { server: 'localhost', toolchain: probe.toolchain, action: actionDigest(probe, said.domain), ...said };
  const statement = statementOf(claim, { stdout: empty, stderr: empty, outputs: [output] }, probe.outputs);
  stream.onData((chunk) => stream.consumed(chunk.length));
  stream.onEnd(() => {
    stream.send({
      type: 'result', cached: false, keep: true, status: { code: 0, signal: 0 }, stdout: 0, stderr: 0, outputs: [output],
      usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1 }, server: 'localhost', load: { free: 1, waiting: 0 },
      signed: { ...said, key: key.id, signature: signResult(statement, key.key) },
    });
    stream.write(content, { end: true }).catch(() => {});
  });
  stream.send({ type: 'offer', leaseMs: 1000, speed: 1, load: { free: 1, waiting: 0 } });
};

test.serial('a member of the farm that signs wrong objects is found out, and the next job says so', async (t) => {
  const setup = await testFarm(t);
  const [key, signer] = [resultKey(), farmSigner()];
  const { toolchain, canary } = await new LocalToolchains(join(setup.directory, 'toolchains')).get('/usr/bin/gcc');
  const server = await setup.start({
    job: lying(key), welcome: (welcome) => ({ ...welcome, server: 'localhost', toolchains: [{ digest: toolchain.digest, canary, name: '/usr/bin/gcc' }] }),
  });
  const directory = await shared.directory('liar');
  mkdirSync(join(directory, 'cache'));
  signer.write(join(directory, 'farm.jsonc'), { serial: 1, epoch: 1, servers: [{ name: 'localhost', resultKeys: [key.line] }] });
  const trust = { ca: join(setup.directory, 'trust-ca.pem'), crl: join(setup.directory, 'trust-crl.pem'), farm: { file: 'farm.jsonc', publicKey: signer.publicKey } };
  const config = { hosts: [server.name], trust, credentials: setup.paths, mechanisms: ['cert'], fallback: 'never', cache: { directory: 'cache' }, verify: '100%' };
  writeFileSync(join(directory, 'client.jsonc'), JSON.stringify(config));
  const settings = { WARDCC_CONFIG: join(directory, 'client.jsonc') };
  t.teardown(() => shared.run(['wardctl', 'stop'], { cwd: directory, settings }));

  const first = await compile('believed', settings);
  t.deepEqual([first.status, first.stderr], [0, '']);
  const object = join(await shared.directory('work'), 'believed.o');
  t.is(readFileSync(object, 'utf8'), 'not what the compiler makes');
  const { verify } = await verified(settings);
  t.like(verify, { drawn: 1, agreed: 0, differed: 1, alarms: 1, directory: join(directory, 'cache/alarms') });
  const shown = (await shared.run(['wardctl', 'stats'], { cwd: directory, settings })).stdout;
  t.regex(shown, /^ALARMS +1 +a server made other objects than this machine: .*\/cache\/alarms$/m);

  const [alarm] = readdirSync(verify.directory);
  const record = JSON.parse(readFileSync(join(verify.directory, alarm!, 'alarm.json'), 'utf8'));
  t.like(record, { server: server.name, maker: 'localhost', key: key.id });
  t.is(record.envelope.signatures[0].keyid, key.id, 'its own word is kept as evidence');
  t.deepEqual(readdirSync(join(verify.directory, alarm!)).sort(), ['alarm.json', 'here-believed.o', 'server-believed.o']);

  const second = await compile('next', { ...settings, WARDCC_VERIFY: '0%' });
  t.is(second.status, 0);
  t.regex(second.stderr, /^wardcc: ALARM: the server \S+ made another \S.*believed\.o than this machine does, twice; the evidence is in .*\n$/);
  t.is((await compile('after', { ...settings, WARDCC_VERIFY: '0%' })).stderr, '');
});
