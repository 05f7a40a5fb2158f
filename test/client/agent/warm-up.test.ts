import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { LocalToolchains } from '../../../client/agent/toolchains.ts';
import { WarmUp } from '../../../client/agent/warm-up.ts';
import type { Farm } from '../../../client/farm/farm.ts';
import { monotonicMs } from '../../../client/inputs/file-table.ts';
import { InputsMemory } from '../../../client/inputs/memory.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { until } from '../../fixtures/changing-farm.ts';
import { testFarm } from '../farm/server.ts';
import { commandOf } from '../inputs/copy.ts';

const idle = (): boolean => true;

interface Agent {
  readonly warmUp: WarmUp;
  readonly toolchains: LocalToolchains;
  readonly inputs: InputsMemory;
}

interface Place {
  readonly directory: string;
  readonly file: string;
  /** A gcc that notes each time it is run. */
  readonly compiler: string;
  asked(): number;
  agent(farm: Farm): Agent;
}

const place = async (t: ExecutionContext): Promise<Place> => {
  const directory = await temporaryDirectory(t);
  const [file, compiler, count] = ['cache/warm-up.json', 'cc', 'count'].map((name) => join(directory, name)) as [string, string, string];
  writeFileSync(count, '');
  writeFileSync(compiler, `#!/bin/sh\necho >>'${count}'\nexec /usr/bin/gcc "$@"\n`);
  chmodSync(compiler, 0o755);
  mkdirSync(join(directory, 'include'));
  return {
    directory, file, compiler,
    asked: () => readFileSync(count, 'utf8').length,
    agent: (farm) => {
      const toolchains = new LocalToolchains(join(directory, 'toolchains'));
      const inputs = new InputsMemory();
      return { toolchains, inputs, warmUp: new WarmUp(file, { farm, toolchains, inputs }) };
    },
  };
};

/** What a job does that the next agent may do before it comes. */
const work = async ({ directory, compiler }: Place, { warmUp, toolchains, inputs }: Agent, env: Record<string, string> = {}): Promise<void> => {
  warmUp.note(env);
  await toolchains.get('/usr/bin/gcc');
  writeFileSync(join(directory, 'a.c'), '#include <stdio.h>\n');
  const command = await commandOf(['/usr/bin/gcc', '-Iinclude', '-c', 'a.c'], directory);
  await inputs.search.get({ ...command, compiler }, 'a toolchain', monotonicMs());
};

test('the next agent connects, knows the compilers and has asked where they look, before a job comes', async (t) => {
  const [at, setup] = [await place(t), await testFarm(t)];
  const server = await setup.start();
  const last = at.agent(setup.client([]));
  await work(at, last, { SSH_AUTH_SOCK: '/agent', SECRET: 'a secret' });
  t.is(at.asked(), 1);
  last.warmUp.remember();
  t.is(statSync(at.file).mode & 0o777, 0o600);
  t.false(readFileSync(at.file, 'utf8').includes('SECRET'));

  const next = at.agent(setup.client([server]));
  await next.warmUp.run(idle);
  await until('it is connected', () => server.sessions.length === 1 || undefined);
  t.deepEqual(next.toolchains.compilers, ['/usr/bin/gcc']);
  t.is(at.asked(), 2);
  await work(at, next);
  t.is(at.asked(), 2, 'the job need not ask again');
  t.is(server.probes.length, 0);
});

test('without a configured server nothing is connected and no compiler is run', async (t) => {
  const [at, setup] = [await place(t), await testFarm(t)];
  const last = at.agent(setup.client([]));
  await work(at, last);
  last.warmUp.remember();
  const next = at.agent(setup.client([]));
  await next.warmUp.run(idle);
  t.deepEqual([next.toolchains.compilers, at.asked()], [[], 1]);
});

test('once a job has come nothing more is done ahead', async (t) => {
  const [at, setup] = [await place(t), await testFarm(t)];
  const last = at.agent(setup.client([]));
  await work(at, last);
  last.warmUp.remember();
  let looks = 0;
  const next = at.agent(setup.client([await setup.start()]));
  await next.warmUp.run(() => looks++ === 0);
  t.deepEqual([next.toolchains.compilers, at.asked()], [['/usr/bin/gcc'], 1]);
});

test('an agent without jobs leaves what is remembered as it was', async (t) => {
  const [at, setup] = [await place(t), await testFarm(t)];
  const last = at.agent(setup.client([]));
  await work(at, last);
  last.warmUp.remember();
  const before = readFileSync(at.file, 'utf8');
  at.agent(setup.client([])).warmUp.remember();
  t.is(readFileSync(at.file, 'utf8'), before);
});

const compiler = '/usr/bin/gcc';
for (const [what, text] of [
  ['is missing', undefined],
  ['is no JSON', '{'],
  ['has something else in it', '{}'],
  ['names a compiler by a relative path', JSON.stringify({ env: {}, compilers: ['gcc'], questions: [] })],
  ['names another variable', JSON.stringify({ env: { LD_PRELOAD: '/evil.so' }, compilers: [compiler], questions: [] })],
  ['names more compilers than an agent remembers', JSON.stringify({ env: {}, compilers: Array.from({ length: 5 }, () => compiler), questions: [] })],
  ['is too large', JSON.stringify({ env: { KRB5CCNAME: 'x'.repeat(1 << 20) }, compilers: [compiler], questions: [] })],
] as const) {
  test(`a memory that ${what} is none`, async (t) => {
    const [at, setup] = [await place(t), await testFarm(t)];
    const server = await setup.start();
    mkdirSync(join(at.directory, 'cache'));
    if (text !== undefined) writeFileSync(at.file, text);
    const next = at.agent(setup.client([server]));
    await next.warmUp.run(idle);
    t.deepEqual([next.toolchains.compilers, server.sessions.length], [[], 0]);
  });
}
