/**
 * A server compiles one job at a time and prepares the next one meanwhile.
 *
 * @module
 */
import { join } from 'node:path';
import test from 'ava';
import { allEnded, readEvents } from '../../fixtures/decision-log.ts';
import { shareFarm } from '../../fixtures/shared-farm.ts';
import { compilersOf, processesOf, until, writeSlowSource } from '../../fixtures/slow-source.ts';

const shared = shareFarm(test, ['--cores', '1']);

/** Sandboxes of the job with this option that stand, whether their compiler runs or not. */
const sandboxesOf = (name: string, option: string): number =>
  processesOf(name).filter((line) => line.includes('bwrap ') && line.includes(option)).length > 0 ? 1 : 0;

test.serial('a job that is prepared compiles only when its turn has come, and its time counts from then on', async (t) => {
  const directory = await shared.directory('spares');
  const name = await writeSlowSource(directory, 'brief');
  const commands = [1, 2].map((n) => shared.start(['wardcc', 'gcc', `-DN=${n}`, '-c', `${name}.c`, '-o', `${n}.o`], { cwd: directory }));
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, compilersOf(name).length)), 20);
  await until('one compiles and the other stands ready', () => compilersOf(name).length === 1 && sandboxesOf(name, '-DN=1') + sandboxesOf(name, '-DN=2') >= 2);
  for (const { ended } of commands) t.is((await ended).status, 0);
  clearInterval(watch);
  t.is(most, 1, 'never two at once');
  const log = join(shared.farm.directory, 'log');
  await until('both ends are in the log', () => allEnded(readEvents(log)));
  const records = readEvents(log);
  const begun = records.filter(({ event }) => event === 'job.allowed').slice(-2).map(({ time }) => Date.parse(time));
  const ends = records.filter(({ event, usage }) => event === 'job.end' && usage !== undefined).slice(-2);
  const whole = Math.max(...ends.map(({ time }) => Date.parse(time))) - Math.min(...begun);
  const counted = ends.reduce((sum, { usage }) => sum + usage!.wallMs, 0);
  t.true(counted <= whole + 50, `the times of the two, ${counted} ms, do not overlap in ${whole} ms`);
});

test.serial('a prepared job that is cancelled lets the next one have its turn', async (t) => {
  const directory = await shared.directory('cancelled');
  const slow = await writeSlowSource(directory, 'endless');
  const brief = await writeSlowSource(await shared.directory('cancelled/brief'), 'brief');
  const endless = shared.start(['wardcc', 'gcc', '-c', `${slow}.c`, '-o', 'endless.o'], { cwd: directory });
  await until('it compiles', () => compilersOf(slow).length === 1);
  const prepared = shared.start(['wardcc', 'gcc', '-DN=3', '-c', `brief/${brief}.c`, '-o', 'prepared.o'], { cwd: directory });
  await until('the next one stands ready', () => sandboxesOf(brief, '-DN=3') > 0);
  const last = shared.start(['wardcc', 'gcc', '-DN=4', '-c', `brief/${brief}.c`, '-o', 'last.o'], { cwd: directory });
  prepared.signal('SIGTERM');
  await prepared.ended;
  endless.signal('SIGTERM');
  await endless.ended;
  t.is((await last.ended).status, 0);
  await until('nothing of them runs', () => processesOf(slow).length + processesOf(brief).length === 0, 10_000);
});
