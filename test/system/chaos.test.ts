/**
 * The short form of `npm run chaos`.
 *
 * @module
 */
import test from 'ava';
import { chaos, failuresOf } from '../chaos/chaos.ts';
import { freshSeed } from '../long/random.ts';

test('while servers, links, disks and agents fail, every build ends, every object is right, and nothing is left over', async (t) => {
  t.timeout(1_200_000);
  const seed = freshSeed();
  t.log(`seed ${seed}`);
  const say = (line: string): void => void t.log(line);
  const report = await chaos({ seed, builds: 2, faults: 8, servers: 3, meanPauseMs: 1_000, longestMs: 2_000, projects: ['lua'], say });
  t.deepEqual(failuresOf(report), []);
  t.true(Object.values(report.faults).reduce((sum, count) => sum + count, 0) >= 8);
});
