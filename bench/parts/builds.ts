/**
 * Whole builds of one project, contenders taking turns. In its turn each compiles sources that nobody has seen before; who keeps
 * results then compiles the very same again; and for wardcc two other people build it too: a newcomer, who has nothing, and a colleague, who
 * was the newcomer of the first turn.
 *
 * @module
 */
import type { Contender, JobCounts } from '../contenders/contender.ts';
import { plain, standIn } from '../contenders/contender.ts';
import type { ContenderName } from '../contenders/index.ts';
import type { Client, WardccFarm } from '../contenders/wardcc.ts';
import { build, type Timing } from '../measure.ts';
import type { MeasureName } from '../measures.ts';
import { freshen, layOut, readObjects, warmUpFor, type Project } from '../projects.ts';
import { paired } from '../statistics.ts';
import type { Context } from './part.ts';

/** Plain gcc first: the others are compared with what it makes. */
const names: readonly ContenderName[] = ['plain', 'stand-in', 'distcc', 'distcc-gss', 'icecc', 'ccache', 'sccache', 'cert', 'krb5'];

/** A cached build is so short that it takes some of them to make one sample. */
const repeats = 10;

type Kind = 'cold' | 'cached' | 'another' | 'newcomer';

/** What one contender has shown so far. */
class Record {
  readonly contender: Contender;
  readonly timings: { [K in Kind]: Timing[] } = { cold: [], cached: [], another: [], newcomer: [] };
  readonly counts: { [K in Kind]?: JobCounts } = {};
  identical = 0;
  compared = 0;
  colleague: Client | undefined;

  constructor(contender: Contender) {
    this.contender = contender;
  }

  async take(kind: Kind, by: Contender, timing: () => Promise<Timing>): Promise<Timing> {
    await by.counts?.zero();
    const taken = await timing();
    this.timings[kind].push(taken);
    const now = await by.counts?.read();
    if (now !== undefined) this.counts[kind] = add(this.counts[kind], now);
    return taken;
  }
}

const add = (a: JobCounts | undefined, b: JobCounts): JobCounts => ({
  remote: (a?.remote ?? 0) + b.remote, hit: (a?.hit ?? 0) + b.hit, local: (a?.local ?? 0) + b.local,
  denied: (a?.denied ?? 0) + b.denied, failed: (a?.failed ?? 0) + b.failed,
});

/** The mean of a few builds. */
const several = async (times: number, one: () => Promise<Timing>): Promise<Timing> => {
  let wallMs = 0;
  let cpuMs = 0;
  for (let time = 0; time < times; time++) {
    const timing = await one();
    wallMs += timing.wallMs / times;
    cpuMs += timing.cpuMs / times;
  }
  return { wallMs, cpuMs };
};

const isFarm = (contender: Contender): contender is WardccFarm => 'another' in contender;

export const measureBuilds = async (context: Context, name: string): Promise<void> => {
  const { place, contenders, results, rounds, jobs, say } = context;
  const project = await layOut(name, place);
  const records = (await contenders.those(names, (contender, thrown) => results.absent(name, contender, thrown))).map((one) => new Record(one));
  for (let round = 1; round <= rounds; round++) {
    let reference = new Map<string, Buffer>();
    await freshen(project, round);
    for (const record of [...records]) {
      const { contender } = record;
      try {
        const cold = await record.take('cold', contender, () => (contender === standIn
          ? several(repeats, () => build(project, contender, String(round), jobs)) : build(project, contender, String(round), jobs)));
        const objects = await readObjects(project);
        if (contender === plain) reference = objects;
        record.compared += reference.size;
        record.identical += [...reference].filter(([file, bytes]) => objects.get(file)?.equals(bytes)).length;
        const again = contender.caches ? await record.take('cached', contender, () => several(repeats, () => build(project, contender, String(round), jobs))) : undefined;
        const others = isFarm(contender) ? await byOthers(record, contender, project, round, jobs) : undefined;
        const texts = [['', cold], [' again', again], [' by a colleague', others?.another], [' by a newcomer', others?.newcomer]] as const;
        say(`${name}, ${round}, ${contender.name}:${texts.flatMap(([text, timing]) => (timing === undefined ? [] : [`${text} ${timing.wallMs.toFixed(0)} ms`])).join(',')}`);
      } catch (thrown) {
        results.absent(name, contender.name, thrown);
        records.splice(records.indexOf(record), 1);
      }
    }
  }
  for (const { colleague } of records) await colleague?.end();
  report(context, project, records);
};

const byOthers = async (
  record: Record, farm: WardccFarm, project: Project, round: number, jobs: number,
): Promise<{ readonly another?: Timing; readonly newcomer: Timing }> => {
  const whole = (by: Client): Promise<Timing> => build(project, by, String(round), jobs);
  const { colleague } = record;
  const another = colleague === undefined ? {} : { another: await record.take('another', colleague, () => whole(colleague)) };
  const someone = await farm.another(`${project.name}-${round}`);
  record.colleague ??= someone;
  try {
    // What a session costs once, and learning the compiler, are measured elsewhere.
    await build(await layOut(warmUpFor(project), farm.directory), someone, `${project.name}${round}`, 1);
    return { ...another, newcomer: await record.take('newcomer', someone, () => whole(someone)) };
  } finally {
    if (record.colleague !== someone) await someone.end();
  }
};

const report = ({ results }: Context, project: Project, records: readonly Record[]): void => {
  const of = (contender: Contender): Timing[] | undefined => records.find((record) => record.contender === contender)?.timings.cold;
  const reference = of(plain);
  const harness = of(standIn);
  const aJob = (timings: readonly Timing[], pick: keyof Timing): number[] => timings.map((timing) => timing[pick] / project.jobs);
  for (const { contender, timings, counts, identical, compared } of records) {
    const put = (measure: MeasureName, samples: readonly number[], kind: Kind): void => {
      const told = counts[kind] === undefined ? {} : { counts: counts[kind] };
      results.add(measure, project.name, contender.name, samples, kind === 'cold' && contender !== standIn ? { ...told, identical: [identical, compared] } : told);
    };
    // A colleague has no part in the first turn.
    const over = (kind: Kind, pick: keyof Timing): number[] => (harness === undefined || timings[kind].length === 0
      ? [] : paired(aJob(timings[kind], pick), aJob(harness.slice(-timings[kind].length), pick), (ours, theirs) => ours - theirs));
    put('coldMs', aJob(timings.cold, 'wallMs'), 'cold');
    if (reference !== undefined) put('cold', paired(aJob(timings.cold, 'wallMs'), aJob(reference, 'wallMs'), (ours, theirs) => ours / theirs), 'cold');
    if (contender.remote) put('clientCpu', over('cold', 'cpuMs'), 'cold');
    put('cached', aJob(timings.cached, 'wallMs'), 'cached');
    put('cachedOver', over('cached', 'wallMs'), 'cached');
    put('another', aJob(timings.another, 'wallMs'), 'another');
    if (contender.remote) put('cachedCpu', over('cached', 'cpuMs'), 'cached');
    put('anotherCpu', over('another', 'cpuMs'), 'another');
    put('newcomer', aJob(timings.newcomer, 'wallMs'), 'newcomer');
  }
};
