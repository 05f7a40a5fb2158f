/**
 * Where jobs go in a farm of three servers, each with one slot: home first, elsewhere when home is full, and to what was done elsewhere
 * by way of home.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readEvents } from '../fixtures/decision-log.ts';
import { compiling, until, writeSlowSource } from '../fixtures/slow-source.ts';
import type { Running } from '../fixtures/command.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test, ['--servers', '3', '--jobs', '1', '--cores', '1']);

/** Compiles `work/job.c` as somebody; says how it was done, and where. */
const compile = async (person: string, text: string): Promise<{ how: string; server: string; said: string }> => {
  const cwd = await shared.directory('work');
  await writeFile(join(cwd, 'job.c'), text);
  const { status, stderr } = await shared.run(['wardcc', 'gcc', '-c', 'job.c'], { cwd, settings: { ...shared.farm.as(person), WARDCC_EXPLAIN: '1' } });
  const [, how = '', server = ''] = /^wardcc: (\w+): job\.c on ([0-9.:]+), /m.exec(stderr) ?? [];
  return { how, server, said: `${status} ${stderr}` };
};

/** Keeps one server busy for somebody until it is ended. */
const occupy = async (person: string, server: string): Promise<Running> => {
  const cwd = await shared.directory(`${person}/slow`);
  const name = await writeSlowSource(cwd, 'endless');
  const job = shared.start(['wardcc', 'gcc', '-c', `${name}.c`], { cwd, settings: { ...shared.farm.as(person), WARDCC_HOSTS: server } });
  await compiling(name);
  return job;
};

const end = async (job: Running): Promise<void> => {
  job.signal('SIGTERM');
  await job.ended;
};

const serversOf = async (person: string): Promise<string[]> => {
  const { stdout } = await shared.run(['wardctl', 'ping', '--json'], { cwd: shared.place, settings: shared.farm.as(person) });
  return (JSON.parse(stdout) as { servers: { server: string }[] }).servers.map(({ server }) => server);
};

test.serial('what ran elsewhere because home was full is found there by way of home, by the name of the server that made it', async (t) => {
  t.timeout(120_000);
  const servers = await serversOf('alice');
  t.is(new Set(servers).size, 3);
  const first = await compile('alice', 'int first;\n');
  t.is(first.how, 'remote', first.said);
  const home = first.server;
  const [elsewhere, third] = servers.filter((server) => server !== home);

  const full = [await occupy('alice', home), await occupy('alice', third!)];
  const text = 'int second;\n';
  const second = await compile('alice', text);
  t.like(second, { how: 'remote', server: elsewhere }, second.said);
  // A result is kept after it was answered; then its end is logged.
  const number = Number(/^127\.0\.0\.(\d+):/.exec(elsewhere!)![1]);
  const log = join(shared.farm.directory, 'log', ...(number === 1 ? [] : [`server-${number}`]));
  await until('what was made is kept', () => readEvents(log).some(({ event, principal }) => event === 'job.end' && principal === 'cert:alice'));
  await Promise.all(full.map(end));

  // Bob's own job is there: of the others, he asks the one that is idle, and home.
  await serversOf('bob');
  const busy = await occupy('bob', elsewhere!);
  const cwd = await shared.directory('work');
  const again = await compile('bob', text);
  t.log(again.said);
  t.like(again, { how: 'hit', server: elsewhere }, again.said);
  await end(busy);
  const { stdout } = await shared.run(['wardctl', 'provenance', 'job.o'], { cwd, settings: shared.farm.as('bob') });
  t.regex(stdout, new RegExp(`^ {2}server +${elsewhere!.replace(/:\d+$/, '').replaceAll('.', '\\.')}$`, 'm'));
});
