/**
 * Jobs compiled twice, with the real gcc here and servers that the test answers for: what is right, what is wrong, and what cannot be told.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { LocalSlots } from '../../../client/agent/local-slots.ts';
import type { CompileCommand } from '../../../client/command/index.ts';
import type { Farm, FarmResult } from '../../../client/farm/farm.ts';
import { Alarms, alarmsIn } from '../../../client/verify/alarms.ts';
import { Verification, type Delivered } from '../../../client/verify/verification.ts';
import { WardError } from '../../../protocol/errors.ts';
import { compileOf, place, type Place } from '../command/fixture.ts';
import { answerWith, testFarm, testJob } from '../farm/server.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const nobody: Pick<Farm, 'compile'> = { compile: () => Promise.reject(new WardError('no-server')) };

interface Bench {
  readonly typed: Place;
  readonly slots: LocalSlots;
  readonly verification: Verification;
  readonly alarms: Alarms;
  readonly forgotten: string[];
  /** A job as the server `name` did it: with these outputs. */
  deliver(command: CompileCommand, outputs: readonly Buffer[], changes?: Partial<Delivered>): void;
}

const bench = async (t: ExecutionContext, farm = nobody): Promise<Bench> => {
  const directory = await temporaryDirectory(t);
  const slots = new LocalSlots(1);
  const alarms = new Alarms(join(directory, 'alarms'));
  const verification = new Verification({ farm, slots, alarms, directory: join(directory, 'verify') });
  t.teardown(async () => {
    await verification.close();
    const left = readdirSync(directory).includes('verify') ? readdirSync(join(directory, 'verify')) : [];
    if (left.length > 0) throw new Error(`left behind: ${left.join(' ')}`);
  });
  const forgotten: string[] = [];
  const deliver: Bench['deliver'] = (command, contents, changes = {}) => {
    const outputs = contents.map((content, index) => ({ index, mode: 0o644, content }));
    const result = { server: '127.0.0.1:1', result: { server: 'liar' }, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), outputs } as unknown as FarmResult;
    verification.add({
      command, job: testJob(), result, made: { outputs }, path: process.env['PATH'] ?? '', options: {}, unchanged: () => true,
      forget: () => forgotten.push(command.source), ...changes,
    });
  };
  return { typed: place(t), slots, verification, alarms, forgotten, deliver };
};

const command = async ({ typed }: Bench, line: string): Promise<CompileCommand> => {
  writeFileSync(join(typed.directory, 'a.c'), 'int answer(int x) { return x == 41 ? 42 : x; }\n');
  return compileOf(await typed.type(line));
};

/** What the compiler makes of a command where it was typed. */
const made = ({ typed: { directory } }: Bench, { argv, outputs }: CompileCommand): Buffer[] => {
  execFileSync(argv[0]!, argv.slice(1), { cwd: directory, stdio: 'ignore' });
  return outputs.map(({ path }) => readFileSync(path));
};

for (const line of ['gcc -c a.c', 'gcc -g -O2 -c a.c -o out/b.o', 'gcc -MD -c a.c', 'gcc -MD -MF out/x.d -c a.c -oout/c.o', 'gcc -S a.c', 'gcc -fstack-usage -c a.c']) {
  test(`the same object is right: ${line}`, async (t) => {
    const it = await bench(t);
    const typed = await command(it, line);
    it.deliver(typed, made(it, typed));
    const before = readdirSync(it.typed.directory, { recursive: true });
    await it.verification.idle();
    t.deepEqual(it.verification.counts, { drawn: 1, agreed: 1, differed: 0, unsteady: 0, skipped: 0 });
    t.is(it.alarms.takeNotices(), undefined);
    t.deepEqual(readdirSync(it.typed.directory, { recursive: true }), before, 'nothing of the user is touched');
  });
}

test('another object is an alarm: counted, told once, on record with both objects, and the result is not given again', async (t) => {
  const it = await bench(t);
  const typed = await command(it, 'gcc -MD -c a.c -o out/b.o');
  const [object, ...others] = made(it, typed);
  const lie = Buffer.from(object!);
  lie[lie.length >> 1]! ^= 1;
  it.deliver(typed, [lie, ...others]);
  await it.verification.idle();
  t.deepEqual(it.verification.counts, { drawn: 1, agreed: 0, differed: 1, unsteady: 0, skipped: 0 });
  t.deepEqual(it.forgotten, [typed.source]);
  t.is(alarmsIn(it.alarms.directory), 1);
  const kept = join(it.alarms.directory, readdirSync(it.alarms.directory)[0]!);
  t.is(it.alarms.takeNotices(), `wardcc: ALARM: the server 127.0.0.1:1 made another ${typed.outputs[0]!.spelled} than this machine does, twice; `
    + `the evidence is in ${kept}. Do not use what it made; tell its administrator (docs/verify.md).\n`);
  t.is(it.alarms.takeNotices(), undefined);
  t.deepEqual(readFileSync(join(kept, 'server-b.o')), lie);
  t.deepEqual(readFileSync(join(kept, 'here-b.o')), object);
  const record = JSON.parse(readFileSync(join(kept, 'alarm.json'), 'utf8'));
  t.like(record, { server: '127.0.0.1:1', maker: 'liar', argv: typed.argv, cwd: typed.cwd, source: typed.source });
  t.is(record.outputs.length, 1);
  t.not(record.outputs[0].server, record.outputs[0].here);
});

test('a server that compiles what the compiler here refuses is an alarm', async (t) => {
  const it = await bench(t);
  const typed = await command(it, 'gcc -c a.c');
  writeFileSync(join(it.typed.directory, 'a.c'), 'int answer(\n');
  it.deliver(typed, [Buffer.from('object')]);
  await it.verification.idle();
  t.like(it.verification.counts, { differed: 1 });
});

for (const [why, line] of [
  ['link-time optimisation has a random name in it', 'gcc -flto -c a.c'],
  ['coverage has a random stamp, and the place of the object', 'gcc --coverage -c a.c'],
  ['split debug information names its place', 'gcc -g -gsplit-dwarf -c a.c'],
] as const) {
  test(`what two compiles here disagree on is no alarm: ${why}`, async (t) => {
    const it = await bench(t);
    const typed = await command(it, line);
    it.deliver(typed, made(it, typed));
    await it.verification.idle();
    t.like(it.verification.counts, { drawn: 1, differed: 0, skipped: 0 });
    t.is(it.alarms.takeNotices(), undefined);
    t.deepEqual(it.forgotten, []);
  });
}

test('an input that changed since means that nothing can be told', async (t) => {
  const it = await bench(t);
  const typed = await command(it, 'gcc -c a.c');
  it.deliver(typed, [Buffer.from('of another source')], { unchanged: () => false });
  await it.verification.idle();
  t.deepEqual(it.verification.counts, { drawn: 1, agreed: 0, differed: 0, unsteady: 0, skipped: 1 });
});

test('what waits is bounded: the rest is passed over, and counted', async (t) => {
  const it = await bench(t);
  const typed = await command(it, 'gcc -c a.c');
  const held = await it.slots.acquire();
  for (let job = 0; job < 70; job++) it.deliver(typed, [Buffer.from('object')]);
  // One is being looked at.
  t.deepEqual(it.verification.counts, { drawn: 70, agreed: 0, differed: 0, unsteady: 0, skipped: 5 });
  it.deliver(typed, [Buffer.alloc(65 * 2 ** 20)]);
  t.is(it.verification.counts.skipped, 6);
  held.release();
});

/** A farm of two, of which the second answers so. */
const withSecond = async (t: ExecutionContext, content: (object: Buffer) => Buffer, line = 'gcc -c a.c') => {
  const setup = await testFarm(t);
  let answer = Buffer.alloc(0);
  const first = await setup.start({ job: () => t.fail('the first server is asked again') });
  const second = await setup.start({ job: (stream) => answerWith(answer)(stream) });
  const it = await bench(t, setup.client([first, second]));
  const typed = await command(it, line);
  const [object] = made(it, typed);
  answer = Buffer.from(content(object!));
  return { it, typed, object: object!, first, second };
};

test('where no slot is free another server is asked, and its word is enough if it says the same', async (t) => {
  const { it, typed, object, first, second } = await withSecond(t, (content) => content);
  await it.slots.acquire();
  const job = testJob({ outputs: typed.outputs.map(({ path }) => path) });
  const result = { server: first.name, result: { server: 'one' }, outputs: [{ index: 0, mode: 0o644, content: object }] } as unknown as FarmResult;
  it.deliver(typed, [object], { job, result });
  await it.verification.idle();
  t.deepEqual(it.verification.counts, { drawn: 1, agreed: 1, differed: 0, unsteady: 0, skipped: 0 });
  t.deepEqual([first.probes.length, second.probes.length], [0, 1]);
});

test('two servers that differ are settled here: the one that lies is named', async (t) => {
  const { it, typed, object, first, second } = await withSecond(t, () => Buffer.from('evil'));
  const held = await it.slots.acquire();
  const job = testJob({ outputs: typed.outputs.map(({ path }) => path) });
  const result = { server: first.name, result: { server: 'one' }, outputs: [{ index: 0, mode: 0o644, content: object }] } as unknown as FarmResult;
  it.deliver(typed, [object], { job, result });
  const settled = it.verification.idle();
  held.release();
  await settled;
  t.like(it.verification.counts, { drawn: 1, differed: 1 });
  t.regex(it.alarms.takeNotices() ?? '', new RegExp(`the server ${second.name} made another`));
  t.deepEqual(it.forgotten, [], 'the first one was right');
});
