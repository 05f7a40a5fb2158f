/**
 * A farm that people reach through sshd and in no other way, used as a person would use it.
 */
import { execFile } from 'node:child_process';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { addRe2Tables, buildBothWays, layOut, long, re2Goals, re2Objects } from '../fixtures/builds.ts';
import { busyTimes, until } from '../fixtures/changing-farm.ts';
import { readEvents } from '../fixtures/decision-log.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const execute = promisify(execFile);
const shared = shareFarm(test, ['--ssh']);
const caller = userInfo().username;

const logins = async (): Promise<number> => {
  const said = await readFile(join(shared.farm.directory, 'servers/1/sshd/sshd.txt'), 'utf8');
  return said.split('\n').filter((line) => line.startsWith('Accepted ')).length;
};

const whoami = async (person?: string): Promise<{ principal: string; committer: string; mechanism: string; expires: number }> => {
  const { stdout, stderr, status } = await shared.run(['wardctl', 'whoami', '--json'], { cwd: shared.place, settings: person === undefined ? {} : shared.farm.as(person) });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof whoami>>;
};

test.serial('lua with make -j4: every object as from a local compile, over one ssh connection', async (t) => {
  const cwd = await layOut('lua', join(shared.place, 'lua'));
  const before = await logins();
  const { counts } = await buildBothWays(t, shared, {
    command: (launcher) => ['make', '-j4', 'linux', `CC=${launcher}gcc`], clean: ['make', 'clean'], cwd, objects: 34,
  });
  t.is(counts.jobs.remote + counts.jobs.hit, 34);
  t.is(await logins() - before, 1);
});

test.serial('re2 with make -j4: every object as from a local compile, over the same connection', async (t) => {
  t.timeout(long ? 1_800_000 : 300_000);
  const cwd = await layOut('re2', join(shared.place, 're2'));
  if (long) await addRe2Tables(cwd);
  const before = await logins();
  const { counts } = await buildBothWays(t, shared, {
    command: (launcher) => ['make', '-j4', `CXX=${launcher}g++`, 'CXXFLAGS=-std=c++17 -O2 -MD', ...re2Goals], clean: ['make', 'clean'], cwd, objects: re2Objects,
  });
  t.true(counts.jobs.remote + counts.jobs.hit >= re2Objects);
  t.is(await logins(), before);
});

test.serial('whoami: by the fingerprint of a key for eight hours, by a certificate until it ends', async (t) => {
  const { stdout } = await execute('ssh-keygen', ['-l', '-f', join(shared.farm.directory, 'people', caller, 'ssh_key.pub')]);
  const self = await whoami();
  t.like(self, { principal: `ssh:${stdout.split(' ')[1]}`, committer: caller, mechanism: 'ssh' });
  t.true(self.expires > Date.now() + 7.9 * 3600_000 && self.expires <= Date.now() + 8 * 3600_000);
  const bob = await whoami('bob');
  t.like(bob, { principal: 'ssh:bob', committer: 'bob' });
  t.true(bob.expires > Date.now() + 29 * 86_400_000);
});

test.serial('a colleague comes in; who is no committer, whose certificate was revoked, and who has one of another authority does not', async (t) => {
  const cwd = await shared.directory('doors');
  await writeFile(join(cwd, 'one.c'), 'int one;\n');
  const as = (person: string) => shared.run(['wardcc', 'gcc', '-c', 'one.c'], { cwd, settings: shared.farm.as(person) });
  t.is((await as('alice')).status, 0);
  const rows: readonly (readonly [string, number, RegExp])[] = [
    ['mallory', 113, /^wardcc: ssh:SHA256:\S+ stands for "mallory", who is not a committer\. .*\[not-a-committer\]$/m],
    ['carol', 119, /^wardcc: The SSH certificate was revoked\. .*\[certificate-revoked\]$/m],
    ['stranger', 119, /^wardcc: The server ssh:\S+ refuses the login \(it accepts publickey\)\. .*\[ssh-refused\]$/m],
  ];
  for (const [person, status, said] of rows) {
    const ended = await as(person);
    t.is(ended.status, status, person);
    t.regex(ended.stderr, said);
  }
});

test.serial('over TLS this server lets nobody in', async (t) => {
  const record = await readFile(join(shared.farm.directory, 'servers/1/server.jsonc'), 'utf8');
  const port = /"port": ([0-9]+)/.exec(record)![1]!;
  const config = join(shared.place, 'over-tls.jsonc');
  await writeFile(config, JSON.stringify({
    hosts: [`127.0.0.1:${port}`], mechanisms: ['cert'],
    trust: { ca: join(shared.farm.directory, 'trust/ca.pem'), crl: join(shared.farm.directory, 'trust/crl.pem'), servers: ['127.0.0.1'] },
    credentials: { cert: join(shared.farm.directory, 'people/alice/cert.pem'), key: join(shared.farm.directory, 'people/alice/key.pem') },
  }));
  const { status, stderr } = await shared.run(['wardctl', 'whoami'], { cwd: shared.place, settings: { WARDCC_CONFIG: config } });
  t.is(status, 119, stderr);
  t.regex(stderr, /\[mechanism-not-permitted\]/);
  await shared.run(['wardctl', 'stop'], { cwd: shared.place, settings: { WARDCC_CONFIG: config } });
});

test.serial('a certificate that is revoked ends its live session within two seconds', async (t) => {
  await whoami('bob');
  const { directory } = shared.farm;
  const bob = join(directory, 'people/bob/ssh_key-cert.pub');
  const list = join(shared.place, 'revoked.krl');
  await execute('ssh-keygen', ['-q', '-k', '-f', list, bob]);
  // Beside the old one, so that it is replaced in one step, whatever file system this is.
  await writeFile(join(directory, 'trust/revoked.new'), await readFile(list));
  await rename(join(directory, 'trust/revoked.new'), join(directory, 'trust/revoked.krl'));
  const replaced = (await stat(join(directory, 'trust/revoked.krl'))).ctimeMs;
  const hosts = async (): Promise<string> => (await shared.run(['wardctl', 'hosts', '--json'], { cwd: shared.place, settings: shared.farm.as('bob') })).stdout;
  await until('bob is told', async () => (await hosts()).includes('certificate-revoked'));
  // Bob is told by the front; the log is written by another process.
  const log = join(directory, 'log');
  const ended = await until('it is in the log', () => readEvents(log).find(({ event, principal }) => event === 'access.ended' && principal === 'ssh:bob'));
  t.is(ended.message, 'The SSH certificate was revoked.');
  const took = Date.parse(ended.time) - replaced;
  t.true(took < busyTimes * 2_000, `${took} ms`);
  const audit = await shared.run(['wardctl', 'audit', 'verify', log], { cwd: shared.place });
  t.is(audit.status, 0, audit.stdout + audit.stderr);
});

test.serial('a key that is taken away ends the session that lives on it', async (t) => {
  await whoami();
  const key = join(shared.farm.directory, 'people', caller, 'ssh_key');
  await rename(key, `${key}.away`);
  t.teardown(() => rename(`${key}.away`, key).catch(() => undefined));
  const answer = await until('the session ends', async () => {
    const asked = await shared.run(['wardctl', 'whoami'], { cwd: shared.place });
    return asked.status === 0 ? undefined : asked;
  });
  t.is(answer.status, 119, answer.stderr);
  t.regex(answer.stderr, /refuses the login/);
  await rename(`${key}.away`, key);
});
