/**
 * `wardctl stats`: what became of this user's jobs since the agent started or the counts were zeroed.
 *
 * @module
 */
import { Command } from 'commander';
import { askAgent } from '../client/agent/client.ts';
import type { ControlAnswers } from '../client/agent/control.ts';
import { print, printJson, printable, table } from './output.ts';

type Answer = Omit<ControlAnswers['stats'], 'agent'> & Partial<Pick<ControlAnswers['stats'], 'agent'>>;

/** What an agent that was never started has counted. */
const nothing: Answer = {
  since: 0,
  jobs: { remote: 0, hit: 0, local: 0, denied: 0, failed: 0, cancelled: 0 },
  localReasons: {},
  againReasons: {},
  refusals: {},
  servers: {},
  meanMs: { remote: 0, hit: 0 },
  verify: { drawn: 0, agreed: 0, differed: 0, unsteady: 0, skipped: 0, alarms: 0, directory: '' },
};

const share = (count: number, total: number): string => (total === 0 ? '' : `${((100 * count) / total).toFixed(1)} %`);

const show = (stats: Answer): void => {
  if (stats.agent === undefined) {
    print('No agent is running: nothing has been compiled with wardcc in the last ten minutes.');
    return;
  }
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
  const { pid, memory, localSlots } = stats.agent;
  rows.push(['agent', String(pid), '', `${Math.round(memory / 1e6)} MB, ${localSlots.used} of ${localSlots.total} local slots in use`]);
  print(table(rows));
};

export const statsCommand = (): Command =>
  new Command('stats')
    .description('what became of your jobs, and why')
    .option('--json', 'for scripts')
    .option('--zero', 'start counting again; prints the counts so far')
    .action(async (options: { json?: boolean; zero?: boolean }) => {
      const stats: Answer = (await askAgent({ command: options.zero === true ? 'zero' : 'stats' })) ?? nothing;
      if (options.json === true) printJson(stats);
      else show(stats);
    });
