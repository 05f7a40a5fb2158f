/**
 * A person presses Ctrl-C, an agent dies, a server dies, each in the middle of a job: what runs elsewhere ends at once, what can
 * be done here is done here, and nothing half done is left.
 *
 * @module
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readFarmRecord } from '../../ctl/dev/farm-record.ts';
import { farmLayout } from '../../ctl/dev/layout.ts';
import { isRunning, sessionOf, type ProcessRecord } from '../../ctl/dev/processes.ts';
import { layOut } from '../fixtures/builds.ts';
import { dev } from '../fixtures/farm.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';
import { compilersOf, compiling, processesOf, until, writeSlowSource } from '../fixtures/slow-source.ts';
import { snapshot } from '../fixtures/snapshot.ts';

const shared = shareFarm(test, ['--cores', '2']);

/** DESIGN: the whole process tree dies at once. A machine under load needs a moment. */
const atOnceMs = 4_000;

interface Slow {
  readonly directory: string;
  readonly name: string;
  readonly sources: readonly string[];
}

const slowSource = async (what: string, length: 'brief' | 'endless'): Promise<Slow> => {
  const directory = await shared.directory(what);
  const name = await writeSlowSource(directory, length);
  return { directory, name, sources: (await readdir(directory)).sort() };
};

/** No process of the job, no output, no temporary file. */
const nothingLeft = async (t: ExecutionContext<unknown>, { directory, name, sources }: Slow, also: readonly string[] = []): Promise<void> => {
  await until(`no process of ${name}`, () => processesOf(name).length === 0, atOnceMs);
  t.deepEqual((await readdir(directory)).sort(), [...sources, ...also].sort());
  t.deepEqual(await readdir(join(shared.place, 'tmp')), []);
};

const agentPid = async (): Promise<number> => {
  const { stdout } = await shared.run(['wardctl', 'stats', '--json'], { cwd: shared.place });
  return (JSON.parse(stdout) as { agent: { pid: number } }).agent.pid;
};

/** The server's processes: the one that `dev up` started, and all that came of it. */
const serverProcesses = async (): Promise<ProcessRecord[]> => {
  const [server] = (await readFarmRecord(farmLayout(shared.farm.directory).record))!.processes;
  return [...sessionOf(server!).filter(({ pid }) => pid !== server!.pid), server!];
};

const bringUpAgain = async (t: ExecutionContext<unknown>): Promise<void> => {
  await dev('down', shared.farm.directory);
  const up = await dev('up', shared.farm.directory, '--cores', '2');
  t.is(up.status, 0, up.stderr);
  // A busy machine's agent may not have noticed yet, and a job that may be compiled here would be.
  await until('the agent reaches the server that came up', async () => (await shared.run(['wardctl', 'whoami'], { cwd: shared.place })).status === 0);
};

test.serial('Ctrl-C in the middle of a job: the server\'s processes die, nothing is left, status 130', async (t) => {
  for (const compiler of ['gcc', 'clang']) {
    const slow = await slowSource(`interrupt ${compiler}`, 'endless');
    const job = shared.start(['sh', '-c', `trap : INT; wardcc ${compiler} -MD -c ${slow.name}.c -o out.o; exit $?`], { cwd: slow.directory });
    await compiling(slow.name);
    await shared.counts();
    job.signal('SIGINT');
    const { status, stdout, stderr } = await job.ended;
    t.deepEqual({ status, stdout, stderr }, { status: 130, stdout: '', stderr: '' });
    await nothingLeft(t, slow);
    t.is((await shared.counts()).jobs.cancelled, 1);
  }
});

test.serial('Ctrl-C in the middle of make -j4: all its jobs end, nothing is left', async (t) => {
  const slow = await slowSource('interrupt make', 'endless');
  const other = await writeSlowSource(slow.directory, 'endless');
  const job = shared.start(['make', '-j4', 'CC=wardcc gcc', `${slow.name}.o`, `${other}.o`], { cwd: slow.directory });
  await Promise.all([compiling(slow.name), compiling(other)]);
  job.signal('SIGINT');
  // make itself dies of the signal, or first hears of a job that did.
  t.true([130, 2].includes((await job.ended).status));
  await nothingLeft(t, slow, [`${other}.c`]);
  await nothingLeft(t, { ...slow, name: other }, [`${other}.c`]);
});

for (const signal of ['SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
  test.serial(`a launcher that gets ${signal} in the middle of a job takes the server's processes with it`, async (t) => {
    const slow = await slowSource(signal, 'endless');
    const job = shared.start(['wardcc', 'gcc', '-c', `${slow.name}.c`], { cwd: slow.directory });
    await compiling(slow.name);
    job.process.kill(signal);
    t.is((await job.ended).status, { SIGTERM: 143, SIGHUP: 129, SIGKILL: 137 }[signal]);
    await nothingLeft(t, slow);
  });
}

test.serial('an agent killed in the middle of a job: compiled here, or with fallback=never exit status 116 and a sentence', async (t) => {
  const slow = await slowSource('agent', 'brief');
  await shared.run(['wardctl', 'whoami'], { cwd: slow.directory });
  const settings = { WARDCC_FALLBACK: 'infra', WARDCC_EXPLAIN: '1' };
  const lucky = shared.start(['wardcc', 'gcc', '-c', `${slow.name}.c`], { cwd: slow.directory, settings });
  await compiling(slow.name);
  process.kill(await agentPid(), 'SIGKILL');
  const here = await lucky.ended;
  t.is(here.status, 0, here.stderr);
  t.regex(here.stderr, /^wardcc: local: the agent ended before the job did, [0-9]+ ms\n$/);
  await nothingLeft(t, slow, [`${slow.name}.o`]);

  const strict = shared.start(['wardcc', 'gcc', '-c', `${slow.name}.c`, '-o', 'other.o'], { cwd: slow.directory });
  await compiling(slow.name);
  process.kill(await agentPid(), 'SIGKILL');
  const failed = await strict.ended;
  t.is(failed.status, 116);
  t.regex(failed.stderr, /^wardcc: the agent ended before the job did; nothing was compiled, because fallback is 'never'\n$/);
  await nothingLeft(t, slow, [`${slow.name}.o`]);
});

test.serial('an agent killed in the middle of a build: the build goes on with a new one, and its objects are a local build\'s', async (t) => {
  t.timeout(600_000);
  const directory = await layOut('lua', join(shared.place, 'agent and lua'));
  let killed: number | undefined;
  const build = async (compiler: string): Promise<number> => {
    const make = shared.start(['make', '-j4', 'linux', `CC=${compiler}`], { cwd: directory, settings: { WARDCC_FALLBACK: 'infra' } });
    if (compiler !== 'gcc') {
      await until('a few objects are there', async () => (await readdir(directory)).filter((name) => name.endsWith('.o')).length > 6);
      killed = await agentPid();
      process.kill(killed, 'SIGKILL');
    }
    const { status, stderr } = await make.ended;
    t.is(status, 0, stderr);
    return status;
  };
  await build('gcc');
  const expected = await snapshot(directory, ['.o']);
  let wentOn = false;
  // On a busy machine a build can be over before another agent has come up: then there is another one.
  for (let attempt = 0; attempt < 5 && !wentOn; attempt++) {
    await shared.run(['make', 'clean'], { cwd: directory });
    await shared.counts();
    await build('wardcc gcc');
    t.deepEqual(await snapshot(directory, ['.o']), expected);
    const { agent, jobs } = JSON.parse((await shared.run(['wardctl', 'stats', '--json'], { cwd: directory })).stdout) as { agent: { pid: number }; jobs: { remote: number; hit: number } };
    wentOn = killed !== undefined && agent.pid !== killed && jobs.remote + jobs.hit > 0;
  }
  t.true(wentOn, 'the new agent went on');
  t.deepEqual((await readdir(directory)).filter((name) => name.startsWith('.')), []);
});

test.serial('a server killed in the middle of a job: compiled here, or with fallback=never exit status 116 and a sentence', async (t) => {
  t.timeout(200_000);
  for (const fallback of ['infra', 'never']) {
    const slow = await slowSource(`server ${fallback}`, 'brief');
    const job = shared.start(['wardcc', 'gcc', '-c', `${slow.name}.c`], { cwd: slow.directory, settings: { WARDCC_FALLBACK: fallback } });
    await compiling(slow.name);
    await shared.counts();
    for (const one of await serverProcesses()) if (isRunning(one)) process.kill(one.pid, 'SIGKILL');
    await until('the sandbox is dead', () => compilersOf(slow.name).every(({ sandboxed }) => !sandboxed), atOnceMs);
    const { status, stdout, stderr } = await job.ended;
    const { jobs, localReasons, refusals } = await shared.counts();
    if (fallback === 'infra') {
      t.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
      t.deepEqual({ local: jobs.local, reasons: Object.keys(localReasons) }, { local: 1, reasons: ['session-lost'] });
      await nothingLeft(t, slow, [`${slow.name}.o`]);
      t.true((await readFile(join(slow.directory, `${slow.name}.o`))).includes(slow.name));
    } else {
      t.is(status, 116, stderr);
      t.regex(stderr, /^wardcc: .+ \(127\.0\.0\.1:[0-9]+\) \[session-lost\]\nwardcc: .+\n$/);
      t.deepEqual({ failed: jobs.failed, reasons: Object.keys(refusals) }, { failed: 1, reasons: ['session-lost'] });
      await nothingLeft(t, slow);
    }
    await bringUpAgain(t);
  }
});

test.serial('a supervisor that is killed alone takes every process of its server with it', async (t) => {
  t.timeout(240_000);
  const slow = await slowSource('supervisor', 'endless');
  const job = shared.start(['wardcc', 'gcc', '-c', `${slow.name}.c`], { cwd: slow.directory });
  await compiling(slow.name);
  const processes = await serverProcesses();
  t.true(processes.length >= 4, `${processes.length} processes`);
  process.kill(processes.at(-1)!.pid, 'SIGKILL');
  t.is((await job.ended).status, 116);
  await until('the server\'s processes are gone', () => !processes.some(isRunning), 10_000);
  await nothingLeft(t, slow);
  await bringUpAgain(t);
});

test.serial('a server that is told to stop says so, and the job is compiled here', async (t) => {
  t.timeout(240_000);
  const slow = await slowSource('stopping', 'brief');
  const job = shared.start(['wardcc', 'gcc', '-c', `${slow.name}.c`], { cwd: slow.directory, settings: { WARDCC_FALLBACK: 'infra' } });
  await compiling(slow.name);
  const processes = await serverProcesses();
  process.kill(processes.at(-1)!.pid, 'SIGTERM');
  t.is((await job.ended).status, 0);
  await until('the server\'s processes are gone', () => !processes.some(isRunning), 15_000);
  await nothingLeft(t, slow, [`${slow.name}.o`]);
  await bringUpAgain(t);
});
