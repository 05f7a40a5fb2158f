/**
 * What each process needs: the agent in a build of two thousand files, the front with two hundred sessions, executors after all of that.
 *
 * @module
 */
import { Link, unlimited } from '../link.ts';
import { startLoad } from '../load/load.ts';
import { build, memoryOf } from '../measure.ts';
import { layOut } from '../projects.ts';
import type { Context } from './part.ts';

const sessions = 200;
/** A server takes 128 connections from one address. */
const addresses = ['127.0.0.2', '127.0.0.3'];
/** For so long all sessions ask for results. */
const workMs = 3_000;

export const measureMemory = async ({ contenders, results, place, jobs, say }: Context): Promise<void> => {
  const farm = await contenders.get('cert');
  const many = await layOut('many', place);
  const other = await farm.another('many');
  try {
    const { wallMs } = await build(many, other, 'many', jobs);
    say(`${many.jobs} files in ${(wallMs / 1000).toFixed(1)} s`);
    results.add('memory', `${many.jobs} files`, 'wardcc: agent', [memoryOf(other.agent, { peak: true })]);
  } finally {
    await other.end();
  }
  const { directory } = await layOut('lua', place);
  const links = await Promise.all(addresses.map((from) => Link.open(farm.port, { ...unlimited, from })));
  try {
    const hosts = Array.from({ length: sessions }, (_, index) => `127.0.0.1:${links[index % links.length]!.port}`);
    const load = await startLoad(farm.env, directory, hosts);
    try {
      const { hits } = await load.work(workMs);
      say(`${sessions} sessions, ${hits} results`);
    } finally {
      await load.end();
    }
  } finally {
    for (const link of links) await link.close();
  }
  const peaks = new Map<string, number>();
  for (const { process, pid } of farm.processes()) peaks.set(process, Math.max(peaks.get(process) ?? 0, memoryOf(pid, { peak: true })));
  for (const [process, peak] of peaks) {
    if (process !== 'agent') results.add('memory', process === 'front' ? `${sessions} sessions` : 'whole run', `wardcc: ${process}`, [peak]);
  }
};
