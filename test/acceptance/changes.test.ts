/**
 * Inputs that change while a server compiles: what is left is never the result of what was there before.
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { shareFarm } from '../fixtures/shared-farm.ts';
import { compilersOf, compiling, until, writeSlowSource } from '../fixtures/slow-source.ts';

const shared = shareFarm(test, ['--cores', '2']);

interface Reports {
  readonly jobs: Readonly<Record<string, number>>;
  readonly localReasons: Readonly<Record<string, number>>;
  readonly againReasons: Readonly<Record<string, number>>;
}

const settings = { WARDCC_EXPLAIN: '1' };
const edit = (directory: string, name: string, text: string): Promise<void> =>
  writeFile(join(directory, 'level0.h'), `/* ${text} */\nextern const char ${text};\nasm("/* ${name} ${text} */");\n`);

const sameAsHere = async (t: ExecutionContext<unknown>, directory: string, name: string): Promise<void> => {
  const here = await shared.run(['gcc', '-c', `${name}.c`, '-o', 'here.o'], { cwd: directory });
  t.is(here.status, 0, here.stderr);
  t.deepEqual(await readFile(join(directory, 'there.o')), await readFile(join(directory, 'here.o')));
};

const sandboxed = (name: string): number[] => compilersOf(name).filter((each) => each.sandboxed).map(({ pid }) => pid);

test.serial('a header that changes while a server compiles: the job is done again, counted with the reason', async (t) => {
  const directory = await shared.directory('once');
  const name = await writeSlowSource(directory, 'brief');
  await shared.counts();
  const job = shared.start(['wardcc', 'gcc', '-c', `${name}.c`, '-o', 'there.o'], { cwd: directory, settings });
  await compiling(name);
  await edit(directory, name, 'changed');
  const { status, stderr } = await job.ended;
  t.is(status, 0, stderr);
  t.regex(stderr, /^wardcc: remote: \S+ on \S+, again because of changing-input, [0-9]+ ms\n$/);
  const { jobs, againReasons, localReasons } = (await shared.counts()) as unknown as Reports;
  t.like(jobs, { remote: 1, hit: 0, local: 0 });
  t.deepEqual({ againReasons, localReasons }, { againReasons: { 'changing-input': 1 }, localReasons: {} });
  await sameAsHere(t, directory, name);
});

test.serial('a header that changes again and again: the job is done here', async (t) => {
  const directory = await shared.directory('twice');
  const name = await writeSlowSource(directory, 'brief');
  await shared.counts();
  const job = shared.start(['wardcc', 'gcc', '-c', `${name}.c`, '-o', 'there.o'], { cwd: directory, settings });
  await compiling(name);
  const [first] = sandboxed(name);
  await edit(directory, name, 'once');
  await until('a server compiles it again', () => sandboxed(name).some((pid) => pid !== first));
  await edit(directory, name, 'twice');
  const { status, stderr } = await job.ended;
  t.is(status, 0, stderr);
  t.regex(stderr, /^wardcc: local: .*changing-input/);
  const { jobs, againReasons, localReasons } = (await shared.counts()) as unknown as Reports;
  t.like(jobs, { remote: 0, local: 1 });
  t.deepEqual({ againReasons, localReasons }, { againReasons: { 'changing-input': 1 }, localReasons: { 'changing-input': 1 } });
  await sameAsHere(t, directory, name);
});

test.serial('what came of the old text is not kept: the old text is compiled again, or found on the server', async (t) => {
  const directory = await shared.directory('kept');
  const name = await writeSlowSource(directory, 'brief');
  const old = await readFile(join(directory, 'level0.h'));
  const job = shared.start(['wardcc', 'gcc', '-c', `${name}.c`, '-o', 'there.o'], { cwd: directory, settings });
  await compiling(name);
  await edit(directory, name, 'other');
  t.is((await job.ended).status, 0);
  await writeFile(join(directory, 'level0.h'), old);
  const again = await shared.run(['wardcc', 'gcc', '-c', `${name}.c`, '-o', 'there.o'], { cwd: directory, settings });
  t.notRegex(again.stderr, /kept here/);
  t.is(again.status, 0, again.stderr);
  await sameAsHere(t, directory, name);
});
