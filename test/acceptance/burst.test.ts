/**
 * Two hundred jobs at once, with contents that the server does not have: whoever else is there is still answered at once.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { Farm } from '../../client/farm/farm.ts';
import { loadClientConfig } from '../../client/config.ts';
import { readFarmRecord } from '../../ctl/dev/farm-record.ts';
import { commandOf, sessionOf } from '../../ctl/dev/processes.ts';
import { changingFarm } from '../fixtures/changing-farm.ts';
import { until } from '../fixtures/slow-source.ts';

const jobs = 200;
/** Of each source, none like another. */
const sourceBytes = 100_000;
/** For 99 of 100 answers: ten times what the front may take at a time. */
const mostMs = 100;
/** For each: ten times what it takes for all the probes that one client, which had to connect first, sends in one message. */
const mostEverMs = 500;

const farm = changingFarm(test, ['--jobs', String(jobs), '--cores', '2']);
const { shared } = farm;

/** Milliseconds for which the first thread of a process has run, and for which it could have but others did. */
const scheduled = (pid: number | 'self'): { ran: number; waited: number } => {
  const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map((nanoseconds) => Number(nanoseconds) / 1e6);
  return { ran, waited };
};

test.serial('the front is never busy for long before it answers somebody else, while two hundred jobs come at once', async (t) => {
  t.timeout(240_000);
  const cwd = await shared.directory('burst');
  const names = Array.from({ length: jobs }, (_, index) => `job${index}`);
  for (const name of names) await writeFile(join(cwd, `${name}.c`), `int ${name};\n// ${randomBytes(sourceBytes / 2).toString('hex')}\n`);
  const server = (await readFarmRecord(farm.layout.record))!.processes.find(({ role }) => role === 'server 1')!;
  const front = sessionOf(server).find((one) => commandOf(one).startsWith('wardccd: front'))!;
  const bob = new Farm(await loadClientConfig({ WARDCC_CONFIG: join(farm.layout.people, 'bob', 'client.jsonc') }));
  t.teardown(() => bob.close());
  const ping = async (): Promise<void> => {
    const [answer] = await bob.ping({});
    t.is(answer?.error, undefined);
  };
  await ping();

  // By a shell: this process has nothing to do but to ask.
  const all = `for name in ${names.join(' ')}; do wardcc gcc -c $name.c & done; wait`;
  const building = shared.start(['sh', '-c', all], { cwd, settings: shared.farm.as('alice') });
  let over = false;
  void building.ended.then(() => { over = true; });
  const busy: number[] = [];
  while (!over) {
    const [frontBefore, mineBefore] = [scheduled(front.pid), scheduled('self')];
    await ping();
    // What the front ran until this process had its answer, which is not the front's fault while others had the processor.
    busy.push(scheduled(front.pid).ran - frontBefore.ran - (scheduled('self').waited - mineBefore.waited));
    await pause(2);
  }
  const { status, stderr } = await building.ended;
  t.is(status, 0, stderr);
  // A job's end is logged when its result has been sent and kept.
  const done = async (): Promise<number> =>
    (await farm.events()).filter(({ event, principal, status: how }) => event === 'job.end' && principal === 'cert:alice' && how?.code === 0).length;
  await until('the end of every job in the log', async () => (await done()) >= jobs);
  t.is(await done(), jobs);
  const sorted = busy.toSorted((a, b) => a - b);
  const most = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1]!;
  t.log(`${busy.length} answers; the front was busy for ${[0.5, 0.99, 1].map((part) => most(part).toFixed(1)).join(', ')} ms before half, 99 of 100, all of them`);
  t.true(busy.length >= 50, `${busy.length} answers`);
  t.true(most(0.99) <= mostMs, `${most(0.99)} ms`);
  t.true(most(1) <= mostEverMs, `${most(1)} ms`);
});
