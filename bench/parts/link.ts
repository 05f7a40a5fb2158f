/**
 * The same builds over a slow link and over loopback, in turns: at first nothing is cached, and nobody has seen the sources; then somebody else
 * builds the same.
 *
 * @module
 */
import type { Client } from '../contenders/wardcc.ts';
import { Link, unlimited, type LinkOptions } from '../link.ts';
import { build } from '../measure.ts';
import { freshen, layOut, warmUpFor } from '../projects.ts';
import { paired } from '../statistics.ts';
import type { Context } from './part.ts';

/** 20 ms there and back, 100 Mbit/s. */
const slow: LinkOptions = { delayMs: 10, bytesPerSecond: 100e6 / 8 };
const projects = ['lua', 're2'];
const jobs = 16;

export const measureLink = async ({ contenders, results, rounds, place, say }: Context): Promise<void> => {
  const farm = await contenders.get('cert');
  // Both go through the relay, so that its own cost is in both.
  const links = [await Link.open(farm.port, unlimited), await Link.open(farm.port, slow)] as const;
  try {
    for (const name of projects) {
      const project = await layOut(name, place);
      const warmUp = await layOut(warmUpFor(project), farm.directory);
      const cold: [number[], number[]] = [[], []];
      const cached: [number[], number[]] = [[], []];
      for (let round = 1; round <= rounds; round++) {
        for (const [way, { port }] of links.entries()) {
          const turn = `link-${name}-${round}-${way}`;
          const as = async (who: 'first' | 'second', samples: number[]): Promise<void> => {
            const client: Client = await farm.another(`${turn}-${who}`, `127.0.0.1:${port}`);
            try {
              await build(warmUp, client, `${turn}${who}`, 1);
              samples.push((await build(project, client, turn, jobs)).wallMs);
            } finally {
              await client.end();
            }
          };
          await freshen(project, 1000 + 2 * round + way);
          await as('first', cold[way as 0 | 1]);
          await as('second', cached[way as 0 | 1]);
          say(`${name}, ${round}, ${way === 0 ? 'loopback' : 'slow link'}: ${cold[way as 0 | 1].at(-1)!.toFixed(0)} ms, cached ${cached[way as 0 | 1].at(-1)!.toFixed(0)} ms`);
        }
      }
      const times = ([loopback, over]: readonly [number[], number[]]): number[] => paired(over, loopback, (a, b) => a / b);
      results.add('linkCold', name, 'wardcc, cert', times(cold));
      results.add('linkCached', name, 'wardcc, cert', times(cached));
    }
  } finally {
    for (const link of links) await link.close();
  }
};
