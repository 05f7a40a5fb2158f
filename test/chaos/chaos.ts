/**
 * Builds on a farm to which everything happens. What must hold: every build ends with status 0, every object is a local build's, no
 * compile waits longer than the time-outs say, every server is used again when its trouble is over, every log proves whole, and
 * nothing is left over.
 *
 * @module
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomOf } from '../long/random.ts';
import { leftOvers, temporaryFiles } from '../fixtures/left-overs.ts';
import { Builds, type BuildReport, type Project } from './builds.ts';
import { openFarm, type ChaosFarm } from './farm.ts';
import { namespacesOf } from './network.ts';
import { bugs, recover } from './recovery.ts';
import { Storm } from './storm.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly builds: number;
  /** There are more builds until there were so many faults. */
  readonly faults: number;
  readonly servers: number;
  readonly meanPauseMs: number;
  readonly longestMs?: number;
  readonly projects: readonly Project[];
  readonly say: (line: string) => void;
  /** Ends everything early; then there is no report. */
  readonly signal?: AbortSignal;
}

export interface ChaosReport {
  readonly seed: number;
  readonly builds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly jobs: Readonly<Record<string, number>>;
  /** Builds that did not end with status 0, or not in time. */
  readonly lost: readonly string[];
  readonly wrongObjects: readonly string[];
  /** How jobs ended on servers that did not end well, by code. */
  readonly ends: Readonly<Record<string, number>>;
  /** The longest that one compile took. */
  readonly slowestMs: number;
  /** From the last mending until every server was connected and had done a job. */
  readonly recoveredMs: number;
  readonly leftOvers: readonly string[];
  /** Whatever else was not as it must be. */
  readonly complaints: readonly string[];
}

/** Whoever waits longer than this for a build has lost it. Each compile alone is held against `longestJobMs`. */
const buildMs = 600_000;
/**
 * What one compile may take: three servers that fall silent one after the other, 30 s each, a connection to each that is waited for
 * 10 s, and then the compiler here on a busy machine.
 */
export const longestJobMs = 3 * (30_000 + 10_000) + 30_000;
const people = ['alice', 'bob'] as const;
/** Of so many builds one is a build that was done before: results are found instead of made. */
const repeatEvery = 4;

/** Runs builds, two at a time, in a storm of faults. Needs root. @throws the signal's reason when it fires, once nothing is left */
export const chaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const place = await mkdtemp(join(tmpdir(), 'wardcc chaos '));
  for (const person of people) await mkdir(join(place, `tmp-${person}`));
  const farm = await openFarm(place, options.servers).catch(async (error: unknown) => {
    await rm(place, { recursive: true, force: true });
    throw error;
  });
  const interrupt = (): void => farm.interrupt();
  options.signal?.addEventListener('abort', interrupt);
  try {
    const report = await inStorm(farm, new Builds(farm, place), options);
    await farm.halt();
    const files = (await temporaryFiles(place)).map((file) => `file ${file}`);
    await farm.close();
    const left = [...files, ...await leftOvers(farm.layout, place), ...(await namespacesOf(farm.networkName)).map((name) => `namespace ${name}`)];
    return { ...report, leftOvers: left };
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
    await farm.close();
    await rm(place, { recursive: true, force: true });
  }
};

const inStorm = async (farm: ChaosFarm, builds: Builds, options: ChaosOptions): Promise<ChaosReport> => {
  const { seed, projects, say, signal } = options;
  // What is right is known before anything goes wrong.
  for (const project of projects) await builds.expected(project);
  const storm = new Storm(farm, { ...options, say });
  const random = randomOf(seed);
  const reports: BuildReport[] = [];
  const lost: string[] = [];
  let begun = 0;
  const buildOn = async (person: string): Promise<void> => {
    while (signal?.aborted !== true && (begun < options.builds || storm.total < options.faults)) {
      const number = begun++;
      const project = projects[number % projects.length]!;
      const mark = Math.floor(random() * repeatEvery) === 0 ? 0 : number + 1;
      try {
        const report = await builds.build(project, { person, mark, timeoutMs: buildMs });
        reports.push(report);
        say(lineOf(number + 1, report));
        if (report.status !== 0) lost.push(`build ${number + 1} (${project}): status ${report.status}\n${report.said}`);
      } catch (error) {
        lost.push(`build ${number + 1} (${project}): ${(error as Error).message}`);
      }
    }
  };
  await Promise.all(people.map(buildOn)).finally(() => storm.end());
  signal?.throwIfAborted();
  const { recoveredMs, ends, complaints } = await recover(farm, builds, projects[0]!, say);
  const jobs = sum(reports.map((report) => report.jobs));
  const slowestMs = Math.max(0, ...reports.map((report) => report.slowestMs));
  return {
    seed,
    builds: begun,
    faults: Object.fromEntries([...storm.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    jobs,
    lost,
    wrongObjects: reports.flatMap(({ project, wrong }) => wrong.map((name) => `${project}: ${name}`)),
    slowestMs,
    ends,
    recoveredMs,
    leftOvers: [],
    complaints: [
      ...complaints,
      ...Object.keys(jobs).filter((how) => bugs.has(how.replace('local: ', ''))).map((how) => `${jobs[how]} jobs were ${how}`),
      ...(slowestMs > longestJobMs ? [`a compile took ${slowestMs} ms`] : []),
      ...reports.flatMap(({ temporary }) => temporary.map((name) => `a build left ${name}`)),
    ],
  };
};

const lineOf = (number: number, { project, seconds, status, wrong, jobs, slowestMs }: BuildReport): string => {
  const how = Object.entries(jobs).map(([name, count]) => `${count} ${name}`).join(', ');
  return `build ${number}: ${project}, ${seconds.toFixed(1)} s, ${status === 0 && wrong.length === 0 ? 'right' : `status ${status}, ${wrong.length} WRONG`}; ${how}; slowest ${slowestMs} ms`;
};

const sum = (all: readonly Readonly<Record<string, number>>[]): Record<string, number> => {
  const total: Record<string, number> = {};
  for (const counts of all) for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
  return Object.fromEntries(Object.entries(total).sort(([, a], [, b]) => b - a));
};

/** What of a report is not as it must be; nothing: it held. */
export const failuresOf = (report: ChaosReport): string[] => [
  ...report.lost.map((build) => `lost: ${build}`),
  ...report.wrongObjects.map((object) => `wrong: ${object}`),
  ...report.leftOvers.map((thing) => `left over: ${thing}`),
  ...report.complaints,
];
