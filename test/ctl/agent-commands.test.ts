import { mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { buildId } from '../../client/agent/place.ts';
import { errorTable } from '../../protocol/errors.ts';
import { createBench, repository, type Bench, type Ended } from '../client/launcher/bench.ts';

/** wardctl from the sources, with the agent of a bench. */
const wardctl = (bench: Bench, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  bench.run([join(repository, 'ctl/main.ts'), ...args], { program: process.execPath, env });

test('stats without an agent counts nothing', async (t) => {
  const bench = await createBench(t, buildId());
  const result = await wardctl(bench, ['stats', '--json']);
  t.is(result.code, 0);
  t.like(JSON.parse(result.stdout), { jobs: { remote: 0, hit: 0, local: 0, denied: 0, failed: 0 }, localReasons: {} });
  t.is((await wardctl(bench, ['stats'])).stdout, 'No agent is running: nothing has been compiled with wardcc in the last ten minutes.\n');
});

test('stats --json has the shape that scripts rely on; --zero prints the counts and starts again', async (t) => {
  const bench = await createBench(t, buildId());
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

test('why says what became of a file, and exits with 1 for one that was never compiled', async (t) => {
  const bench = await createBench(t, buildId());
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
