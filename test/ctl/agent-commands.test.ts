import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { buildId } from '../../client/agent/place.ts';
import { errorTable } from '../../protocol/errors.ts';
import { createBench, eventually, repository, type Bench, type Ended, type RunOptions } from '../client/launcher/bench.ts';

/** wardctl from the sources, with the agent of a bench. */
const wardctl = (bench: Bench, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  bench.run([join(repository, 'ctl/main.ts'), ...args], { program: process.execPath, env });

test('stats without an agent counts nothing', async (t) => {
  const bench = await createBench(t, buildId());
  const result = await wardctl(bench, ['stats', '--json']);
  t.is(result.code, 0);
  t.like(JSON.parse(result.stdout), { jobs: { remote: 0, hit: 0, local: 0, denied: 0, failed: 0 }, localReasons: {} });
  t.is((await wardctl(bench, ['stats'])).stdout, 'No agent is running, and none has counted anything.\n');
});

test('stats --json has the shape that scripts rely on; --zero prints the counts and starts again', async (t) => {
  const bench = await createBench(t, buildId());
  await startAgent(bench);
  await bench.run(['gcc', '-c', 'a.c'], { script: {} });
  await bench.run(['gcc', '-c', 'a.c'], { script: { how: 'local', reason: 'date-macro' } });
  const stats = JSON.parse((await wardctl(bench, ['stats', '--json'])).stdout);
  t.deepEqual(stats.jobs, { remote: 1, hit: 0, local: 1, denied: 0, failed: 0, cancelled: 0 });
  t.deepEqual(stats.localReasons, { 'date-macro': 1 });
  t.like(stats.verify, { drawn: 0, agreed: 0, differed: 0, unsteady: 0, skipped: 0, alarms: 0 });
  const shown = (await wardctl(bench, ['stats'])).stdout;
  t.regex(shown, /^jobs +2 /);
  t.regex(shown, /^ {2}remote +1 +50\.0 % +1 ms each$/m);
  t.regex(shown, /^ {2}date-macro +1$/m);
  t.is(JSON.parse((await wardctl(bench, ['stats', '--json', '--zero'])).stdout).jobs.remote, 1);
  t.is(JSON.parse((await wardctl(bench, ['stats', '--json'])).stdout).jobs.remote, 0);
});

/** On a busy machine an agent takes longer to start than a compile waits for it. */
const startAgent = async (bench: Bench, env: NodeJS.ProcessEnv = {}): Promise<void> => {
  if (!(await eventually(async () => (await bench.run(['--start-agent'], { env })).code === 0))) throw new Error('the agent did not start');
};

/** Where agents of a bench keep what they counted. */
const statsFiles = (bench: Bench): string[] => {
  const directory = join(bench.directory, '.cache/wardcc/stats');
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
};

const countsOf = async (bench: Bench, env: NodeJS.ProcessEnv = {}, ...options: string[]): Promise<any> => JSON.parse((await wardctl(bench, ['stats', '--json', ...options], env)).stdout);

const compile = async (t: ExecutionContext, bench: Bench, options: RunOptions): Promise<void> => {
  const { code, stderr } = await bench.run(['gcc', '-c', 'a.c'], options);
  t.is(code, 0, stderr);
};

test('counts outlive the agent: a later one goes on from them, and wardctl shows and zeroes them while there is none', async (t) => {
  const bench = await createBench(t, buildId());
  bench.agentArguments('--idle-ms', '10000');
  await startAgent(bench);
  await compile(t, bench, { script: {} });
  await compile(t, bench, { script: { how: 'local', reason: 'date-macro' } });
  const { since, agent } = await countsOf(bench);
  // Not asked again meanwhile: an agent that is asked is not idle.
  t.true(await eventually(() => !existsSync(`/proc/${agent!.pid}/exe`)), 'it left');
  const [file, ...more] = statsFiles(bench);
  t.deepEqual(more, []);
  t.is(statSync(file!).mode & 0o777, 0o600);
  t.is(statSync(dirname(file!)).mode & 0o777, 0o700);

  const left = await countsOf(bench);
  t.like(left, { since, jobs: { remote: 1, local: 1 }, localReasons: { 'date-macro': 1 }, servers: { farm1: { remote: 1, hit: 0 } }, meanMs: { remote: 1 }, verify: { drawn: 0, alarms: 0 } });
  const shown = (await wardctl(bench, ['stats'])).stdout;
  t.regex(shown, /^ {2}date-macro +1$/m);
  t.regex(shown, /^agent +none +nothing has been compiled with wardcc in the last ten minutes$/m);

  bench.agentArguments();
  await startAgent(bench);
  await compile(t, bench, { script: {} });
  t.like(await countsOf(bench), { since, jobs: { remote: 2, local: 1 } });
  await wardctl(bench, ['stop']);
  t.like(await countsOf(bench, {}, '--zero'), { since, jobs: { remote: 2, local: 1 } });
  const zeroed = await countsOf(bench);
  t.like(zeroed, { jobs: { remote: 0, local: 0 }, localReasons: {} });
  t.true(zeroed.since > since);
  await startAgent(bench);
  await compile(t, bench, { script: {} });
  t.like(await countsOf(bench, {}, '--zero'), { since: zeroed.since, jobs: { remote: 1 } });
  await wardctl(bench, ['stop']);
  t.like(await countsOf(bench), { jobs: { remote: 0 } });
});

test('an agent that is killed loses the counts of its last seconds at most', async (t) => {
  const bench = await createBench(t, buildId());
  await startAgent(bench);
  await compile(t, bench, { script: {} });
  const { agent } = await countsOf(bench);
  t.true(await eventually(() => statsFiles(bench).some((file) => (JSON.parse(readFileSync(file, 'utf8')) as { jobs: { remote: number } }).jobs.remote === 1)));
  process.kill(agent.pid, 'SIGKILL');
  t.true(await eventually(async () => (await countsOf(bench)).agent === undefined));
  await startAgent(bench);
  await compile(t, bench, { script: {} });
  t.is((await countsOf(bench)).jobs.remote, 2);
});

test('agents of two configurations count each for itself, at the same time and in turns', async (t) => {
  const bench = await createBench(t, buildId());
  const other = { WARDCC_CONFIG: join(bench.work, 'client.jsonc') };
  writeFileSync(other.WARDCC_CONFIG, JSON.stringify({ hosts: ['farm1'], cache: { directory: join(bench.directory, '.cache/wardcc') } }));
  t.teardown(() => wardctl(bench, ['stop'], other));
  for (const env of [{}, other]) await startAgent(bench, env);
  for (const env of [{}, other, other]) await compile(t, bench, { script: {}, env });
  for (const env of [other, {}]) await wardctl(bench, ['stop'], env);
  t.is(statsFiles(bench).length, 2);
  t.is((await countsOf(bench)).jobs.remote, 1);
  t.is((await countsOf(bench, other)).jobs.remote, 2);
  await startAgent(bench);
  await compile(t, bench, { script: {} });
  t.is((await countsOf(bench)).jobs.remote, 2);
  t.is((await countsOf(bench, other)).jobs.remote, 2);
});

test('a damaged file of counts means starting at zero', async (t) => {
  const bench = await createBench(t, buildId());
  await startAgent(bench);
  await compile(t, bench, { script: {} });
  await wardctl(bench, ['stop']);
  const [file] = statsFiles(bench) as [string];
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, -5));
  t.is((await wardctl(bench, ['stats'])).stdout, 'No agent is running, and none has counted anything.\n');
  await startAgent(bench);
  await compile(t, bench, { script: {} });
  t.is((await countsOf(bench)).jobs.remote, 1);
});

test('why says what became of a file, and exits with 1 for one that was never compiled', async (t) => {
  const bench = await createBench(t, buildId());
  await startAgent(bench);
  await bench.run(['gcc', '-c', 'a.c'], { script: { how: 'local', reason: 'date-macro', message: 'The time is in it.' } });
  const found = await wardctl(bench, ['why', 'a.c']);
  t.is(found.code, 0);
  t.regex(found.stdout, /^a\.c: local, date-macro, 1 ms, .*\nThe time is in it\.\n$/);
  const json = JSON.parse((await wardctl(bench, ['why', '--json', 'a.c'])).stdout);
  t.like(json, { how: 'local', reason: 'date-macro', source: join(bench.work, 'a.c') });
  const absent = await wardctl(bench, ['why', 'b.c']);
  t.deepEqual(absent, { code: 1, signal: null, stdout: 'b.c: not compiled with wardcc since the agent started.\n', stderr: '' });
});

test('whoami, hosts and ping show what the agent knows, with the environment of the caller', async (t) => {
  const bench = await createBench(t, buildId());
  await bench.run(['gcc', '-c', 'a.c'], { script: {} });
  const who = await wardctl(bench, ['whoami', '--json'], { WARDCC_NAME: 'bob' });
  t.deepEqual(JSON.parse(who.stdout), { principal: 'cert:bob', committer: 'alice', mechanism: 'cert', server: 'farm1', expires: 0 });
  t.regex((await wardctl(bench, ['whoami'])).stdout, /^principal +cert:alice$/m);
  t.regex((await wardctl(bench, ['hosts'])).stdout, /^farm1 +connected +1\/4/m);
  const ping = await wardctl(bench, ['ping']);
  t.is(ping.code, 116);
  const { means, next } = errorTable['no-server'];
  t.is(ping.stderr, `wardctl: ${means} [no-server]\nwardctl: ${next}\n`);
});

test('stop ends the agent', async (t) => {
  const bench = await createBench(t, buildId());
  await bench.run(['gcc', '-c', 'a.c'], { script: {} });
  t.is((await wardctl(bench, ['stop'])).code, 0);
  t.false(readdirSync(bench.runtime).some((name) => name.endsWith('.sock')));
  t.is((await wardctl(bench, ['stop'])).stdout, 'No agent is running.\n');
});

test('install-links makes a link for each compiler in PATH, makes ours anew, and touches nothing else', async (t) => {
  const bench = await createBench(t, buildId());
  const tools = join(bench.directory, 'tools');
  const links = join(bench.directory, 'links');
  mkdirSync(tools);
  for (const name of ['gcc', 'g++-12', 'clang', 'x86_64-linux-gnu-gcc', 'c++', 'gcc-ar', 'clang-format', 'gccgo']) {
    writeFileSync(join(tools, name), '#!/bin/sh\n', { mode: 0o755 });
  }
  writeFileSync(join(tools, 'cc'), 'not executable');
  symlinkSync(bench.launcher, join(tools, 'gcc-9'));
  const env = { PATH: tools };
  const first = await wardctl(bench, ['install-links', links, '--json'], env);
  t.deepEqual(JSON.parse(first.stdout), { directory: links, names: ['c++', 'clang', 'g++-12', 'gcc', 'x86_64-linux-gnu-gcc'] });
  t.regex(readlinkSync(join(links, 'gcc')), /\/bin\/wardcc$/);
  t.is((await wardctl(bench, ['install-links', links], env)).code, 0);
  writeFileSync(join(tools, 'clang++'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(links, 'clang++'), 'mine');
  const refused = await wardctl(bench, ['install-links', links], env);
  t.is(refused.code, 1);
  t.true(refused.stderr.startsWith(`wardctl: ${join(links, 'clang++')} exists and is no link to wardcc; it is not replaced. [usage]\n`));
});

test('config prints the settings in force', async (t) => {
  const bench = await createBench(t, buildId());
  writeFileSync(join(bench.work, 'client.jsonc'), '{ "hosts": ["farm1"], "fallback": "never", "credentials": { "cert": "me.pem" } }');
  const env = { WARDCC_CONFIG: 'client.jsonc', WARDCC_FALLBACK: 'infra' };
  const shown = JSON.parse((await wardctl(bench, ['config', '--json'], env)).stdout);
  t.like(shown, { hosts: ['farm1:7632'], fallback: 'infra', project: 'default', credentials: { cert: join(bench.work, 'me.pem') } });
  t.regex((await wardctl(bench, ['config'], env)).stdout, /^hosts +farm1:7632$/m);
});

test('an unknown command is a usage error, and help lists all', async (t) => {
  const bench = await createBench(t, buildId());
  const unknown = await wardctl(bench, ['nothing-of-that-name']);
  t.is(unknown.code, 1);
  t.regex(unknown.stderr, /unknown command/);
  const help = await wardctl(bench, ['--help']);
  const names = ['stats', 'hosts', 'whoami', 'ping', 'why', 'config', 'install-links', 'certs', 'policy', 'audit', 'dev'];
  for (const name of names) t.regex(help.stdout, new RegExp(`^  ${name}\\b`, 'm'));
});
