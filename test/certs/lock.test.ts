import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { withLock } from '../../certs/files.ts';
import { tryLock } from '../../certs/lock.ts';
import { endAfter, temporaryDirectory } from '../fixtures/temporary.ts';

/** No process has this number. */
const dead = '4194305 1';

const take = (t: ExecutionContext, file: string): (() => void) => {
  const taken = tryLock(file);
  if (typeof taken === 'number') return t.fail(`process ${taken} has it`) as never;
  return taken;
};

test('a lock names the process that has it until it is given back', async (t) => {
  const file = join(await temporaryDirectory(t), '.lock');
  const release = take(t, file);
  t.is(tryLock(file), process.pid);
  release();
  take(t, file)();
});

test('the lock of a process that is gone, or whose number another one has, is taken over, and nothing is left', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, '.lock');
  for (const holder of [dead, `${process.pid} 1`, String(process.pid), '', 'no process at all']) {
    writeFileSync(file, holder);
    take(t, file)();
    t.deepEqual(readdirSync(directory), []);
  }
});

test('whoever died while taking a lock over is in nobody\'s way', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, '.lock');
  for (const suffix of ['', '.takeover', '.takeover.takeover']) writeFileSync(`${file}${suffix}`, dead);
  take(t, file)();
  t.deepEqual(readdirSync(directory), []);
});

test('while somebody takes a lock over nobody else does', async (t) => {
  const file = join(await temporaryDirectory(t), '.lock');
  writeFileSync(file, dead);
  const release = take(t, `${file}.takeover`);
  t.is(tryLock(file), process.pid);
  release();
  take(t, file)();
});

test('of two that find the same dead lock one gets it, however slow the other one is', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, '.lock');
  // Reading a pipe takes as long as its writer likes: the other process is held up between finding the lock and doing something about it.
  execFileSync('mkfifo', [file]);
  const script = `
    const { withLock } = await import(${JSON.stringify(new URL('../../certs/files.ts', import.meta.url).href)});
    await withLock(${JSON.stringify(directory)}, () => console.log('inside'));`;
  const slow = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  endAfter(t, slow.pid!);
  const said = text(slow.stdout);
  const exited = once(slow, 'exit');
  const pipe = await open(file, 'w');
  await unlink(file);
  const release = take(t, file);
  await pipe.writeFile(dead);
  await pipe.close();
  const early = await Promise.race([said, delay(500)]);
  t.is(early, undefined, 'both were inside at once');
  t.is(tryLock(file), process.pid);
  release();
  t.is(await said, 'inside\n');
  await exited;
  t.is(await withLock(directory, () => 'free'), 'free');
});
