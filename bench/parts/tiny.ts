/**
 * What a single job costs, where fixed costs are all there is: over a session that is open, as the first one of a build, and in the
 * launcher alone.
 *
 * @module
 */
import { join } from 'node:path';
import type { Contender } from '../contenders/contender.ts';
import type { ContenderName } from '../contenders/index.ts';
import type { Client } from '../contenders/wardcc.ts';
import { build } from '../measure.ts';
import { layOut, type Project } from '../projects.ts';
import { paired } from '../statistics.ts';
import { run } from '../../setup/demo/run.ts';
import type { Context } from './part.ts';

const names: readonly ContenderName[] = ['plain', 'stand-in', 'distcc', 'distcc-gss', 'icecc', 'cert', 'krb5', 'ssh'];

/** One tiny job is so short that twenty of them, one after the other, make one sample. */
const repeats = 20;
/** As many starts of a program that does nothing make one sample. */
const starts = 300;

const isClient = (contender: Contender): contender is Client => 'agent' in contender;

export const measureTiny = async (context: Context): Promise<void> => {
  const project = await layOut('tiny', context.place);
  const ours = await measureJobs(context, project);
  await measureLauncher(context, ours);
};

/** Returns wardcc's clients among the contenders that ran to the end. */
const measureJobs = async ({ contenders, results, rounds, say }: Context, project: Project): Promise<Client[]> => {
  const warm = new Map<Contender, number[]>();
  const first = new Map<Contender, number[]>();
  let serial = 0;
  const one = async (contender: Contender): Promise<number> => (await build(project, contender, `t${++serial}`, 1)).wallMs;
  for (const contender of await contenders.those(names, (name, thrown) => results.absent('tiny', name, thrown))) {
    warm.set(contender, []);
    if (isClient(contender)) first.set(contender, []);
  }
  const attempt = async (contender: Contender, measure: () => Promise<void>): Promise<void> => {
    try {
      await measure();
    } catch (thrown) {
      results.absent('tiny', contender.name, thrown);
      warm.delete(contender);
      first.delete(contender);
    }
  };
  for (let round = 1; round <= rounds; round++) {
    for (const [contender, samples] of [...warm]) await attempt(contender, async () => {
      // The very first job shows the compiler to everybody.
      if (round === 1) await one(contender);
      let sum = 0;
      for (let time = 0; time < repeats; time++) sum += await one(contender);
      samples.push(sum / repeats);
      say(`tiny, ${round}, ${contender.name}: ${samples.at(-1)!.toFixed(1)} ms`);
    });
  }
  // Last, so that the jobs above are those of an agent that has worked for a while.
  for (let round = 1; round <= rounds; round++) {
    for (const contender of [...warm.keys()].filter(isClient)) await attempt(contender, async () => {
      await contender.close();
      first.get(contender)!.push(await one(contender));
      await contender.open();
      say(`first job, ${round}, ${contender.name}: ${first.get(contender)!.at(-1)!.toFixed(0)} ms`);
    });
  }
  const clients = [...warm.keys()].filter(isClient);
  const ordinary = clients.find(({ name }) => name === 'wardcc, cert');
  for (const [contender, samples] of warm) results.add('tiny', 'tiny', contender.name, samples);
  for (const [contender, samples] of first) results.add('first', 'tiny', contender.name, samples);
  for (const client of clients.filter((other) => ordinary !== undefined && other !== ordinary)) {
    results.add('tinyTimes', 'tiny', client.name, paired(warm.get(client)!, warm.get(ordinary!)!, (their, our) => their / our));
    results.add('firstMore', 'tiny', client.name, paired(first.get(client)!, first.get(ordinary!)!, (their, our) => their - our));
  }
  return clients;
};

/** A command that is no compile becomes its program at once: what is left is the launcher. */
const measureLauncher = async ({ results, rounds, place }: Context, [client]: readonly Client[]): Promise<void> => {
  if (client === undefined) return results.absent('launcher', 'wardcc', 'no farm of wardcc could be used');
  const loop = async (program: string): Promise<number> => {
    const script = `time=$EPOCHREALTIME; for ((i = 0; i < ${starts}; i++)); do ${program}; done; echo $((\${EPOCHREALTIME//[.,]/} - \${time//[.,]/}))`;
    const { status, stdout, stderr } = await run(['bash', '-c', script], { cwd: join(place, 'tiny'), env: client.env });
    if (status !== 0) throw new Error(`${program} failed: ${stderr.slice(-500)}`);
    return Number(stdout) / 1000 / starts;
  };
  const samples: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const bare = await loop('/bin/true');
    samples.push(await loop('wardcc /bin/true') - bare);
  }
  results.add('launcher', 'launcher', 'wardcc', samples);
};
