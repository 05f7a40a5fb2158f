/**
 * How many cached results one front serves, by the CPU time that it takes for them.
 *
 * @module
 */
import { startLoad } from '../load/load.ts';
import { cpuOf } from '../measure.ts';
import { layOut } from '../projects.ts';
import type { Context } from './part.ts';

/** Each sample. */
const sampleMs = 5_000;
/** One session may begin a thousand jobs a second, so it takes some. */
const sessions = 8;

export const measureFront = async ({ contenders, results, rounds, place, say }: Context): Promise<void> => {
  const farm = await contenders.get('cert');
  const { directory } = await layOut('lua', place);
  const load = await startLoad(farm.env, directory, Array.from({ length: sessions }, () => `127.0.0.1:${farm.port}`));
  try {
    const pid = (name: string): number => farm.processes().find(({ process }) => process === name)!.pid;
    const samples: { hits: number; front: number; keeper: number }[] = [];
    // The first turn warms it up.
    for (let round = 0; round <= rounds; round++) {
      const before = { front: cpuOf(pid('front')), keeper: cpuOf(pid('keeper')) };
      const { hits, others } = await load.work(sampleMs);
      if (others > 0) throw new Error(`${others} results were not cached`);
      const sample = { hits, front: cpuOf(pid('front')) - before.front, keeper: cpuOf(pid('keeper')) - before.keeper };
      say(`${(hits / sampleMs * 1000).toFixed(0)} cached results a second; CPU each: front ${(sample.front / hits).toFixed(2)} ms, keeper ${(sample.keeper / hits).toFixed(2)} ms`);
      if (round > 0) samples.push(sample);
    }
    results.add('frontHits', 'lua', 'wardcc: front', samples.map(({ hits, front }) => (1000 * hits) / front));
    results.add('frontAndKeeper', 'lua', 'wardcc: front and keeper', samples.map(({ hits, front, keeper }) => (1000 * hits) / (front + keeper)));
  } finally {
    await load.end();
  }
};
