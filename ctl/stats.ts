/**
 * `wardctl stats`: what became of this user's jobs since the counts were zeroed, whichever agents did them.
 *
 * @module
 */
import { Command } from 'commander';
import { askAgent, keptByAgents } from '../client/agent/client.ts';
import type { ControlAnswers } from '../client/agent/control.ts';
import { Stats } from '../client/agent/stats.ts';
import { alarmDirectory, alarmsIn } from '../client/verify/alarms.ts';
import { print, printJson, printable, table } from './output.ts';

type Answer = Omit<ControlAnswers['stats'], 'agent'> & Partial<Pick<ControlAnswers['stats'], 'agent'>>;

/** What earlier agents counted, when none is running. `zero`: counting starts again after this. */
const withoutAgent = async (zero: boolean): Promise<Answer> => {
  const { stats: file, cacheDirectory } = await keptByAgents();
  const counted = file.read();
  const stats = new Stats();
  const none = { drawn: 0, agreed: 0, differed: 0, unsteady: 0, skipped: 0 };
  if (counted === undefined) return { ...stats.report(), since: 0, verify: { ...none, alarms: 0, directory: '' } };
  if (zero) file.write({ ...stats.save(), verify: none });
  stats.restore(counted);
  const directory = alarmDirectory(cacheDirectory);
  return { ...stats.report(), verify: { ...counted.verify, alarms: alarmsIn(directory), directory } };
};

const share = (count: number, total: number): string => (total === 0 ? '' : `${((100 * count) / total).toFixed(1)} %`);

const agentRow = ({ pid, memory, localSlots }: ControlAnswers['stats']['agent']): string[] =>
  ['agent', String(pid), '', `${Math.round(memory / 1e6)} MB, ${localSlots.used} of ${localSlots.total} local slots in use`];

const show = (stats: Answer): void => {
  if (stats.since === 0) return print('No agent is running, and none has counted anything.');
  const { jobs } = stats;
  const total = jobs.remote + jobs.hit + jobs.local + jobs.denied + jobs.failed;
  const rows: string[][] = [['jobs', String(total), '', `since ${new Date(stats.since).toLocaleString()}`]];
  for (const how of ['remote', 'hit', 'local', 'denied', 'failed'] as const) {
    const mean = how === 'remote' || how === 'hit' ? `${stats.meanMs[how]} ms each` : '';
    if (jobs[how] > 0 || how === 'remote') rows.push([`  ${how}`, String(jobs[how]), share(jobs[how], total), jobs[how] > 0 ? mean : '']);
  }
  if (jobs.cancelled > 0) rows.push(['cancelled', String(jobs.cancelled), '']);
  const group = (title: string, counts: Readonly<Record<string, number>>): void => {
    const list = Object.entries(counts);
    if (list.length > 0) rows.push([title]);
    for (const [name, count] of list) rows.push([`  ${printable(name)}`, String(count)]);
  };
  group('local because', stats.localReasons);
  group('done again because', stats.againReasons);
  group('refused because', stats.refusals);
  group('servers', Object.fromEntries(Object.entries(stats.servers).map(([name, counts]) => [name, counts.remote + counts.hit])));
  const { alarms, directory, ...verify } = stats.verify;
  if (verify.drawn > 0) group('compiled twice', verify);
  if (alarms > 0) rows.push(['ALARMS', String(alarms), '', `a server made other objects than this machine: ${printable(directory)}`]);
  rows.push(stats.agent === undefined ? ['agent', 'none', '', 'nothing has been compiled with wardcc in the last ten minutes'] : agentRow(stats.agent));
  print(table(rows));
};

export const statsCommand = (): Command =>
  new Command('stats')
    .description('what became of your jobs since counting began, and why')
    .option('--json', 'for scripts')
    .option('--zero', 'start counting again, whichever agents counted so far; prints the counts')
    .action(async (options: { json?: boolean; zero?: boolean }) => {
      const zero = options.zero === true;
      const stats: Answer = (await askAgent({ command: zero ? 'zero' : 'stats' })) ?? (await withoutAgent(zero));
      if (options.json === true) printJson(stats);
      else show(stats);
    });
