/**
 * A server with more to do than it has places for: who gets the next one, what the others are told, and where else their jobs go.
 */
import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { LogEvent } from '../../policy/log/events.ts';
import { changingFarm, until } from '../fixtures/changing-farm.ts';
import type { Running } from '../fixtures/command.ts';
import { readEvents, type LoggedEvent } from '../fixtures/decision-log.ts';
import { compilersOf, compiling, writeSlowSource } from '../fixtures/slow-source.ts';

const places = 4;
const farm = changingFarm(test, ['--jobs', String(places), '--cores', '2']);
const { shared } = farm;
/** Who fills the server, and has no other jobs. */
const caller = userInfo().username;
let next = 1;

interface Job {
  readonly person: string;
  /** Without its `.c`. */
  readonly name: string;
  readonly directory?: string;
  readonly settings?: NodeJS.ProcessEnv;
}

const start = async ({ person, name, directory = person, settings = {} }: Job): Promise<Running> =>
  shared.start(['wardcc', 'gcc', '-c', `${name}.c`], { cwd: await shared.directory(directory), settings: { ...shared.farm.as(person), ...settings } });

const isOf = (person: string, kind: LogEvent['event']) => ({ event, principal }: LogEvent): boolean => event === kind && principal === `cert:${person}`;

/** Does something, and waits until the server has allowed so many more jobs of somebody: each has a place by then, or stands in line. */
const whenAllowed = async <T>(person: string, count: number, act: () => Promise<T>): Promise<T> => {
  const allowed = async (): Promise<number> => (await farm.events()).filter(isOf(person, 'job.allowed')).length;
  const before = await allowed();
  const result = await act();
  await until(`${count} jobs of ${person} are there`, async () => (await allowed()) >= before + count || undefined);
  return result;
};

/** The numbers of somebody's jobs that were let in and have not ended. */
const openJobs = (events: readonly LoggedEvent[], person: string): number[] => {
  const ended = new Set(events.filter(isOf(person, 'job.end')).map(({ of }) => of));
  return events.filter(isOf(person, 'job.allowed')).map(({ seq }) => seq).filter((seq) => !ended.has(seq));
};

/** An offer that is not taken lapses after two seconds. */
const takenMs = 3_000;

/** Takes every place of the server; the function that is returned gives them back. */
const fill = async (): Promise<() => Promise<void>> => {
  const jobs = new Set<Running>();
  const giveBack = async (): Promise<void> => {
    const all = [...jobs];
    for (const job of all) job.signal('SIGTERM');
    await Promise.all(all.map(({ ended }) => ended));
  };
  let [held, since] = ['', Date.now()];
  await until('every place is taken', async () => {
    // On a busy machine a job may come too late for its offer, and fail: then another one takes the place.
    while (jobs.size < places) {
      // Each has headers of its own: those of a job that runs are not written again.
      const directory = `${caller}/${next++}`;
      const job = await start({ person: caller, name: await writeSlowSource(await shared.directory(directory), 'endless'), directory });
      jobs.add(job);
      void job.ended.finally(() => jobs.delete(job)).catch(() => undefined);
    }
    const open = openJobs(readEvents(farm.layout.log), caller);
    if (open.length === places && open.join() === held) return Date.now() - since > takenMs;
    [held, since] = [open.join(), Date.now()];
    return false;
  }, 150_000).catch(async (error: unknown) => {
    await giveBack();
    throw error;
  });
  return giveBack;
};

/** Sends so many compiles that nobody did before. */
const queue = async (person: string, count: number): Promise<Running[]> => {
  const cwd = await shared.directory(person);
  const names = Array.from({ length: count }, () => `job_${next++}`);
  for (const name of names) await writeFile(join(cwd, `${name}.c`), `int ${name};\n`);
  return whenAllowed(person, count, () => Promise.all(names.map((name) => start({ person, name }))));
};

test.serial('under overload three times the weight is three places for one of another\'s, whoever came first', async (t) => {
  t.timeout(400_000);
  const count = 16;
  const serial = await farm.changePolicy(({ rules }) => ({ rules: [{ id: 'bob-has-weight', effect: 'allow', who: ['committer:bob'], weight: 3 }, ...rules] }));
  await farm.event(({ event, policy }) => event === 'policy.loaded' && policy?.serial === serial);
  const giveBack = await fill();
  const jobs = [...await queue('alice', count), ...await queue('bob', count)];
  const before = (await farm.events()).length;
  await giveBack();
  for (const { status, stderr } of await Promise.all(jobs.map(({ ended }) => ended))) t.is(status, 0, stderr);
  const ends = await until('all ends are in the log', async () => {
    const found = (await farm.events()).slice(before).filter((event) => ['alice', 'bob'].some((person) => isOf(person, 'job.end')(event)));
    return found.length === 2 * count ? found : undefined;
  });
  t.log(ends.map(({ principal }) => principal!.at('cert:'.length)).join(''));
  const alices = ends.slice(0, count).filter(isOf('alice', 'job.end')).length;
  t.true(alices >= 2 && alices <= count / 2, `${alices} of the first ${count} are alice's, whose share is a quarter`);
});

test.serial('beyond the jobs that a person may have in line the next is told that the server is busy', async (t) => {
  t.timeout(400_000);
  const serial = await farm.changePolicy(({ rules }) => ({
    quotas: { short: { jobs: 8, queued: 2 } }, rules: [{ id: 'alice-is-brief', effect: 'allow', who: ['committer:alice'], quota: 'short' }, ...rules],
  }));
  await farm.event(({ event, policy }) => event === 'policy.loaded' && policy?.serial === serial);
  const giveBack = await fill();
  const waiting = await queue('alice', 2);
  await writeFile(join(await shared.directory('alice'), 'third.c'), 'int third;\n');
  const { status, stderr } = await (await start({ person: 'alice', name: 'third' })).ended;
  t.is(status, 114);
  t.regex(stderr, /cert:alice has 2 jobs in line already, as many as the policy allows\. .*\[busy\]/);
  await giveBack();
  for (const { status: well, stderr: said } of await Promise.all(waiting.map(({ ended }) => ended))) t.is(well, 0, said);
});

test.serial('a job that finds the farm full is compiled here while a local slot is free, unless nothing may be', async (t) => {
  t.timeout(400_000);
  const giveBack = await fill();
  await writeFile(join(await shared.directory('bob'), 'full.c'), 'int full;\n');
  const patient = await whenAllowed('bob', 1, () => start({ person: 'bob', name: 'full', settings: { WARDCC_EXPLAIN: '1' } }));
  const here = await (await start({ person: 'bob', name: 'full', settings: { WARDCC_FALLBACK: 'infra', WARDCC_EXPLAIN: '1' } })).ended;
  t.is(here.status, 0, here.stderr);
  t.regex(here.stderr, /^wardcc: local: full\.c: farm-full \(Every server is busy and a slot of this machine was free\.\)/m);
  await giveBack();
  const { status, stderr } = await patient.ended;
  t.is(status, 0, stderr);
  t.regex(stderr, /^wardcc: remote: full\.c on /m);
});

test.serial('two people who compile the same at once cost one compile, which goes on when the first one gives up', async (t) => {
  t.timeout(400_000);
  const name = await writeSlowSource(await shared.directory('both'), 'brief');
  const first = await start({ person: 'alice', name, directory: 'both' });
  await compiling(name);
  const compilers = compilersOf(name).map(({ pid }) => pid);
  t.is(compilers.length, 1);
  const second = await whenAllowed('bob', 1, () => start({ person: 'bob', name, directory: 'both', settings: { WARDCC_EXPLAIN: '1' } }));
  t.deepEqual(compilersOf(name).map(({ pid }) => pid), compilers, 'still the one');
  first.signal('SIGTERM');
  await first.ended;
  await farm.event((event) => isOf('alice', 'job.end')(event) && event.reason === 'cancelled', (await farm.events()).length - 5);
  t.deepEqual(compilersOf(name).map(({ pid }) => pid), compilers, 'the same one still runs');
  const { status, stderr } = await second.ended;
  t.is(status, 0, stderr);
  t.regex(stderr, new RegExp(`^wardcc: remote: ${name}\\.c on `, 'm'));
});
