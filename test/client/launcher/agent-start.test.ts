import { chmodSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { openMeetingPlace } from '../../../client/agent/place.ts';
import { ask, createBench, eventually, exited, stop, type Bench, type Ended } from './bench.ts';

const compile = (bench: Bench, env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  bench.run(['gcc', '-c', 'a.c'], { env, script: { stdout: 'from the farm' } });

/** What wardcc says when nothing may be compiled here. */
const refusal = (why: string): Ended => exited(116, { stderr: `wardcc: ${why}; nothing was compiled, because fallback is 'never'\n` });

const pidOf = async (bench: Bench): Promise<number> => (await ask(bench, { command: 'stats' })).agent.pid;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** What a process has open; a descriptor that closes meanwhile is none. */
const descriptorsOf = (pid: number | 'self'): string[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });

test('forty launchers at once start exactly one agent', async (t) => {
  const bench = await createBench(t);
  const counter = join(bench.directory, 'starts');
  const script = readFileSync(join(bench.directory, 'bin', 'wardcc-agent'), 'utf8');
  writeFileSync(join(bench.directory, 'bin', 'wardcc-agent'), script.replace('\nexec', `\necho $$ >>'${counter}'\nexec`));
  const results = await Promise.all(Array.from({ length: 40 }, () => compile(bench)));
  for (const result of results) t.deepEqual(result, exited(0, { stdout: 'from the farm' }));
  t.is(readFileSync(counter, 'utf8').trim().split('\n').length, 1);
  t.is((await ask(bench, { command: 'stats' })).jobs.remote, 40);
});

test('the agent starts with a clean environment, in /, in a session of its own, with nothing of the build open', async (t) => {
  const bench = await createBench(t);
  const dropped = { LD_LIBRARY_PATH: '/nowhere', NODE_OPTIONS: '--throw-deprecation', SECRET: 'x', WARDCC_HOSTS: 'h' };
  await compile(bench, { ...dropped, USER: 'me', XDG_RUNTIME_DIR: '/xdg' });
  const pid = await pidOf(bench);
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter((entry) => entry !== '');
  // The shell of the start script adds PWD.
  const names = environment.map((entry) => entry.split('=')[0]).sort();
  t.deepEqual(names, ['HOME', 'PATH', 'PWD', 'USER', 'WARDCC_RUNTIME_DIR', 'XDG_RUNTIME_DIR']);
  t.true(environment.includes('PATH=/usr/bin:/bin'));
  t.is(readlinkSync(`/proc/${pid}/cwd`), '/');
  const descriptors = ['0', '1', '2', '3'].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  t.deepEqual(descriptors.slice(0, 3), ['/dev/null', '/dev/null', '/dev/null']);
  t.regex(descriptors[3]!, /agent-[0-9a-f]{16}\.lock$/);
  const inherited = descriptorsOf('self');
  const open = descriptorsOf(pid);
  t.deepEqual(open.filter((target) => /^(pipe|socket):/.test(target) && inherited.includes(target)), []);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  t.regex(status, /^Umask:\t0077$/m);
  const session = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[3]);
  t.not(session, Number(readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /, '').split(' ')[3]));
});

test('SIGUSR1 does not open a debugger in the agent', async (t) => {
  const bench = await createBench(t);
  await compile(bench);
  const pid = await pidOf(bench);
  const sockets = (): number => descriptorsOf(pid).filter((target) => target.startsWith('socket:')).length;
  const before = sockets();
  process.kill(pid, 'SIGUSR1');
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.is((await compile(bench)).stdout, 'from the farm');
  t.true(await eventually(() => sockets() <= before));
});

test('a killed agent leaves a stale socket, and the next launcher starts another', async (t) => {
  const bench = await createBench(t);
  await compile(bench);
  const first = await pidOf(bench);
  process.kill(first, 'SIGKILL');
  t.true(await eventually(() => !isAlive(first)));
  t.is((await compile(bench)).stdout, 'from the farm');
  t.not(await pidOf(bench), first);
});

test('SIGTERM ends the agent and removes its socket', async (t) => {
  const bench = await createBench(t);
  await compile(bench);
  process.kill(await pidOf(bench), 'SIGTERM');
  t.true(await eventually(() => !readdirSync(bench.runtime).some((name) => name.endsWith('.sock'))));
});

test('an agent whose socket was removed ends, and one that is idle ends', async (t) => {
  const bench = await createBench(t);
  await compile(bench);
  const first = await pidOf(bench);
  rmSync(bench.runtime, { recursive: true });
  t.true(await eventually(() => !isAlive(first)));
  // Long enough to be asked for its number before.
  bench.agentArguments('--idle-ms', '5000');
  await compile(bench);
  const second = await pidOf(bench);
  t.true(await eventually(() => !isAlive(second)));
});

test('an agent killed in mid-job leaves no temporary; the compiler runs here, unless fallback is never', async (t) => {
  const bench = await createBench(t);
  const script = { outputs: [{ path: join(bench.work, 'a.o'), text: 'half' }], crash: true };
  writeFileSync(join(bench.work, 'cc'), '#!/bin/sh\necho compiled here\n', { mode: 0o755 });
  // An agent that is there already: how long one may take to start is another test's business.
  await compile(bench);
  const local = await bench.run(['./cc', '-c', 'a.c'], { script, env: { WARDCC_FALLBACK: 'infra' } });
  t.deepEqual(local, exited(0, { stdout: 'compiled here\n' }));
  await compile(bench);
  const never = await bench.run(['./cc', '-c', 'a.c'], { script });
  t.deepEqual(never, refusal('the agent ended before the job did'));
  t.deepEqual(readdirSync(bench.work).sort(), ['a.c', 'cc']);
});

test('without an agent the compiler runs here; the mirrored setting or WARDCC_FALLBACK can forbid it', async (t) => {
  const bench = await createBench(t);
  rmSync(join(bench.directory, 'bin', 'wardcc-agent'));
  t.is((await compile(bench, { WARDCC_FALLBACK: '' })).code, 0);
  t.deepEqual(await compile(bench), refusal('there is no wardcc-agent beside wardcc'));

  bench.agentArguments('--fallback', 'never');
  await compile(bench);
  const status = readdirSync(bench.runtime).find((name) => name.endsWith('.status'))!;
  t.is(readFileSync(join(bench.runtime, status), 'utf8'), 'never\n');
  await stop(bench);
  rmSync(join(bench.directory, 'bin', 'wardcc-agent'));
  t.is((await compile(bench, { WARDCC_FALLBACK: '' })).code, 116);
  t.is((await compile(bench, { WARDCC_FALLBACK: 'infra' })).code, 0);
  writeFileSync(join(bench.runtime, status), 'never locked\n');
  t.is((await compile(bench, { WARDCC_FALLBACK: 'infra' })).code, 116);
});

test('an agent that does not come up is waited for once, not by every compile', async (t) => {
  const bench = await createBench(t);
  writeFileSync(join(bench.directory, 'bin', 'wardcc-agent'), '#!/bin/sh\nexit 1\n');
  const begun = Date.now();
  t.is((await compile(bench, { WARDCC_FALLBACK: 'infra' })).code, 0);
  t.true(Date.now() - begun >= 2000);
  const again = Date.now();
  t.is((await compile(bench, { WARDCC_FALLBACK: 'infra' })).code, 0);
  t.true(Date.now() - again < 2000);
});

test('an agent that comes up late is not waited for, and serves the compiles after it', async (t) => {
  const bench = await createBench(t);
  bench.agentArguments('--start-ms', '3000');
  t.is((await compile(bench, { WARDCC_FALLBACK: 'infra' })).stdout, '');
  t.true(await eventually(async () => (await ask(bench, { command: 'stats' })) !== undefined));
  t.is((await compile(bench)).stdout, 'from the farm');
});

const noDirectory = 'the runtime directory is a link or no directory: remove it, or choose another with WARDCC_RUNTIME_DIR';
const makeOpen = (path: string): void => {
  mkdirSync(path);
  chmodSync(path, 0o755);
};
const hostile: [string, (path: string) => void, string][] = [
  ['a link', (path) => symlinkSync('/tmp', path), noDirectory],
  ['a file', (path) => writeFileSync(path, ''), noDirectory],
  ['open to others', makeOpen, 'the runtime directory is open to others: its mode must be 0700'],
];

for (const [what, make, why] of hostile) {
  test(`a runtime directory that is ${what} is not used`, async (t) => {
    const bench = await createBench(t);
    make(bench.runtime);
    t.deepEqual(await compile(bench), refusal(why));
    t.is((await compile(bench, { WARDCC_FALLBACK: 'infra' })).code, 0);
    t.is(statSync(join(bench.work, 'a.o')).isFile(), true);
  });
}

test("a runtime directory that is somebody else's is not used", async (t) => {
  const bench = await createBench(t);
  // /proc/1 belongs to root; root itself is shown a directory that it gave away.
  let directory = '/';
  if (process.geteuid!() === 0) {
    const { chownSync } = await import('node:fs');
    directory = join(bench.directory, 'foreign');
    mkdirSync(directory, { mode: 0o700 });
    chownSync(directory, 1234, 1234);
  }
  const result = await compile(bench, { WARDCC_RUNTIME_DIR: directory });
  t.is(result.code, 116);
  t.true(result.stderr.startsWith('wardcc: the runtime directory belongs to somebody else'));
});

test('a launcher of another build has another agent', async (t) => {
  const bench = await createBench(t);
  const newer = await createBench(t, 'newer build');
  await compile(bench);
  const shared = { WARDCC_RUNTIME_DIR: bench.runtime, HOME: bench.directory };
  t.is((await compile(newer, shared)).stdout, 'from the farm');
  t.is(readdirSync(bench.runtime).filter((name) => name.endsWith('.sock')).length, 2);
  await stop(bench, { build: 'newer build' });
});

test('another configuration has another agent, named by an absolute path', async (t) => {
  const bench = await createBench(t);
  await compile(bench);
  t.is((await compile(bench, { WARDCC_CONFIG: 'client.jsonc' })).stdout, 'from the farm');
  const sockets = readdirSync(bench.runtime).filter((name) => name.endsWith('.sock'));
  t.is(sockets.length, 2);
  await stop(bench, { config: join(bench.work, 'client.jsonc') });
  t.true(await eventually(() => readdirSync(bench.runtime).filter((name) => name.endsWith('.sock')).length === 1));
});

test('a build with a home of its own has its own agent', async (t) => {
  const bench = await createBench(t);
  await compile(bench);
  t.is((await compile(bench, { HOME: '/nonexistent' })).stdout, 'from the farm');
  t.is(readdirSync(bench.runtime).filter((name) => name.endsWith('.sock')).length, 2);
  await stop({ runtime: bench.runtime, directory: '/nonexistent' });
});

test('a socket that closes without an answer is an agent that ended', async (t) => {
  const bench = await createBench(t);
  await compile(bench);
  const name = readdirSync(bench.runtime).find((file) => file.endsWith('.sock'))!;
  await stop(bench);
  const server = createServer((socket) => socket.destroy());
  const place = openMeetingPlace({ HOME: bench.directory, WARDCC_RUNTIME_DIR: bench.runtime }, 'test');
  t.is(place.file('sock').split('/').at(-1), name);
  await new Promise<void>((resolve) => server.listen(place.file('sock'), resolve));
  t.teardown(() => server.close());
  t.is((await compile(bench)).code, 116);
  t.is((await compile(bench, { WARDCC_FALLBACK: 'infra' })).code, 0);
});
