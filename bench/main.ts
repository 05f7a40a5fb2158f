/**
 * `npm run bench`: wardcc beside plain gcc and distcc, in one run on one machine. Contenders take turns, so that whatever else
 * the machine does meets all of them.
 *
 *     npm run bench -- [--redis] [--krb5] [--rounds N] [--jobs N] [--out DIR]
 *
 * @module
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../setup/demo/run.ts';
import { plain, standIn, startDistcc, startWardcc, type Contender } from './contenders.ts';
import { build, cpuOf, median, type Timing } from './measure.ts';
import { layOut, readObjects, type Project } from './projects.ts';
import { machineFacts, toTable, type Figure, type Report } from './report.ts';
import type { JobCounts, WardccContender } from './wardcc.ts';

interface Sample extends Timing {
  readonly clientCpuMs: number;
}

interface Settings {
  readonly rounds: number;
  readonly jobs: number;
}

const { values } = parseArgs({
  options: {
    redis: { type: 'boolean', default: false },
    krb5: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    jobs: { type: 'string', default: '4' },
    out: { type: 'string', default: fileURLToPath(new URL('../docs/results', import.meta.url)) },
  },
});

const say = (text: string): void => {
  process.stderr.write(`bench: ${text}\n`);
};

const isWardcc = (contender: Contender): contender is WardccContender => 'stats' in contender;

/** One tiny job is so short that twenty of them, one after the other, make one sample. */
const repeats = (project: Project): number => (project.name === 'tiny' ? 20 : 1);

const sample = async (project: Project, contender: Contender, round: string, jobs: number): Promise<Sample> => {
  const helpers = () => contender.helpers.reduce((sum, pid) => sum + cpuOf(pid), 0);
  const before = helpers();
  let wallMs = 0;
  let cpuMs = 0;
  const times = repeats(project);
  for (let turn = 0; turn < times; turn++) {
    const command = contender.command(project.language === 'c' ? 'gcc' : 'g++');
    const timing = await build(project, command, `${round}${turn}`, { jobs, env: contender.env });
    wallMs += timing.wallMs / times;
    cpuMs += timing.cpuMs / times;
  }
  return { wallMs, cpuMs, clientCpuMs: cpuMs + (helpers() - before) / times };
};

const measureProject = async (project: Project, contenders: readonly Contender[], { rounds, jobs }: Settings): Promise<Figure[]> => {
  const samples = new Map(contenders.map((contender): [Contender, Sample[]] => [contender, []]));
  const identical = new Map<Contender, number>();
  const counts = new Map<Contender, JobCounts>();
  for (const contender of contenders.filter(isWardcc)) await contender.zero();
  for (let round = 1; round <= rounds; round++) {
    let reference = new Map<string, Buffer>();
    for (const contender of contenders) {
      samples.get(contender)!.push(await sample(project, contender, String(round), jobs));
      const objects = await readObjects(project);
      if (contender === plain) reference = objects;
      identical.set(contender, [...reference].filter(([name, bytes]) => objects.get(name)?.equals(bytes)).length);
      say(`${project.name}, round ${round}, ${contender.name}: ${samples.get(contender)!.at(-1)!.wallMs.toFixed(0)} ms`);
    }
  }
  for (const contender of contenders.filter(isWardcc)) counts.set(contender, (await contender.stats()).jobs);
  const medianOf = (contender: Contender, pick: (one: Sample) => number): number => median(samples.get(contender)!.map(pick));
  const harness = medianOf(standIn, ({ cpuMs }) => cpuMs);
  const reference = medianOf(plain, ({ wallMs }) => wallMs);
  return contenders.map((contender): Figure => {
    const medianMs = medianOf(contender, ({ wallMs }) => wallMs);
    return {
      project: project.name,
      contender: contender.name,
      jobs: project.jobs,
      wallMs: samples.get(contender)!.map(({ wallMs }) => wallMs),
      medianMs,
      msPerJob: medianMs / project.jobs,
      ratio: medianMs / reference,
      clientCpuMsPerJob: (medianOf(contender, ({ clientCpuMs }) => clientCpuMs) - harness) / project.jobs,
      identical: contender === standIn ? undefined : identical.get(contender),
      counts: counts.get(contender),
    };
  });
};

/** Once a session is open, how it was opened must not be felt: at most a tenth. */
const compareTiny = (figures: readonly Figure[], ordinary: string, other: string): void => {
  const medianOf = (name: string): number => figures.find(({ project, contender }) => project === 'tiny' && contender === name)!.medianMs;
  const ratio = medianOf(other) / medianOf(ordinary);
  say(`one tiny job: ${other} takes ${ratio.toFixed(2)} times as long as ${ordinary} (at most 1.10 is allowed)`);
  if (ratio > 1.1) process.exitCode = 1;
};

const versionOf = async (program: string): Promise<string> => (await run([program, '--version'])).stdout.split('\n')[0] ?? 'unknown';

const main = async (): Promise<void> => {
  const settings = { rounds: Number(values.rounds), jobs: Number(values.jobs) };
  const place = await mkdtemp(join(tmpdir(), 'wardcc bench '));
  const started: Contender[] = [];
  try {
    const distcc = await startDistcc(place, settings.jobs);
    started.push(distcc);
    const wardcc = await startWardcc(place);
    started.push(wardcc);
    const byTicket = values.krb5 ? [await startWardcc(place, 'krb5')] : [];
    started.push(...byTicket);
    const figures: Figure[] = [];
    for (const name of ['tiny', 'lua', 're2', ...(values.redis ? ['redis'] : [])]) {
      figures.push(...(await measureProject(await layOut(name, place), [plain, standIn, distcc, wardcc, ...byTicket], settings)));
    }
    for (const { name } of byTicket) compareTiny(figures, wardcc.name, name);
    const date = new Date().toISOString().slice(0, 10);
    const machine = machineFacts(await versionOf('gcc'), await versionOf('distcc'));
    const report: Report = { date, machine, ...settings, isolation: wardcc.isolation, figures, memory: wardcc.memory() };
    await mkdir(values.out, { recursive: true });
    await writeFile(join(values.out, `bench-${date}.json`), `${JSON.stringify(report, undefined, 2)}\n`);
    await writeFile(join(values.out, `bench-${date}.md`), toTable(report));
    process.stdout.write(toTable(report));
  } finally {
    for (const contender of started) await contender.end();
    await rm(place, { recursive: true, force: true });
  }
};

await main();
