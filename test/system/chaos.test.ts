/**
 * The short form of `npm run chaos`.
 *
 * @module
 */
import test from 'ava';
import { chaos, failuresOf } from '../chaos/chaos.ts';
import { freshSeed } from '../long/random.ts';

test('while servers, links, disks and agents fail, every build ends, every object is right, and nothing is left over', async (t) => {
  t.timeout(300_000);
  const seed = freshSeed();
  t.log(`seed ${seed}`);
  const say = (line: string): void => void t.log(line);
  const report = await chaos({ seed, builds: 4, faults: 10, servers: 3, meanPauseMs: 800, longestMs: 4_000, projects: ['lua'], say });
  t.deepEqual(failuresOf(report), []);
  t.true(Object.values(report.faults).reduce((sum, count) => sum + count, 0) >= 10);
});
