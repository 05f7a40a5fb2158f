import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { endProcesses, isRunning, recordProcess, sessionOf, startedWith } from '../../../ctl/dev/processes.ts';
import { endAfter } from '../../fixtures/temporary.ts';

const sleep = (...command: string[]) => spawn(command[0] ?? 'sleep', command.length > 1 ? command.slice(1) : ['60'], { stdio: 'ignore', detached: true });

test('a process is known by its id and its start time together', async (t) => {
  const child = sleep();
  endAfter(t, child.pid!);
  const record = recordProcess('sleeper', child.pid!);
  t.true(isRunning(record));
  t.false(isRunning({ ...record, startTime: '1' }));
  const exit = once(child, 'exit');
  await endProcesses([record], 10_000);
  t.false(isRunning(record));
  t.deepEqual(await exit, [null, 'SIGTERM']);
});

test('a process that does not care for SIGTERM is killed when the grace is over', async (t) => {
  const child = spawn('sh', ['-c', 'trap "" TERM; echo deaf; while :; do sleep 0.1; done'], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  endAfter(t, child.pid!);
  await once(child.stdout, 'data');
  const exit = once(child, 'exit');
  await endProcesses([recordProcess('deaf', child.pid!)], 100);
  t.deepEqual(await exit, [null, 'SIGKILL']);
});

test('an id that the system gave to somebody else is never signalled', async (t) => {
  const child = sleep();
  endAfter(t, child.pid!);
  const other = { role: 'gone', pid: child.pid!, startTime: '1' };
  await endProcesses([other], 0);
  t.deepEqual(sessionOf(other), []);
  t.true(isRunning(recordProcess('sleeper', child.pid!)));
});

test('what a detached process left behind is found by its session', async (t) => {
  const child = sleep('sh', '-c', 'sleep 60 & sleep 0.1');
  const record = recordProcess('starter', child.pid!);
  await once(child, 'exit');
  const left = sessionOf(record);
  t.is(left.length, 1);
  await endProcesses(left, 1000);
  t.deepEqual(sessionOf(record), []);
});

test('a process is found by a setting in the environment it was started with', (t) => {
  const setting = `WARDCC_TEST_MARK=${process.pid}-${Math.random()}`;
  const [name, value] = setting.split('=') as [string, string];
  const child = spawn('sleep', ['60'], { stdio: 'ignore', env: { ...process.env, [name]: value } });
  endAfter(t, child.pid!);
  t.deepEqual(startedWith(setting).map(({ pid }) => pid), [child.pid]);
  t.deepEqual(startedWith(setting.slice(0, -1)), []);
});
