/** The short form of the fuzzing: everything that ever crashed, everything that is kept, and some changes of it. */
import { randomInt } from 'node:crypto';
import test from 'ava';
import { campaign, crashDirectory, readAll, runOne } from './campaign.ts';
import { mutate, Random } from './engine.ts';
import { targets } from './targets/index.ts';

const shortMs = 250;

for (const target of targets) {
  test.serial(`the ${target.name} parser survives what crashed it once, and hostile input for a while`, async (t) => {
    for (const input of readAll(crashDirectory, target.name)) await t.notThrowsAsync(
      runOne(target, input), input.toString('hex').slice(0, 200),
    );
    const seed = randomInt(2 ** 32);
    const { crashes, runs } = await campaign(target, shortMs, seed);
    t.true(runs > 0);
    t.deepEqual(crashes.map(({ input, error }) => `${error.message}: ${input.toString('hex').slice(0, 2000)} (seed ${seed})`), []);
  });
}

test('a seed repeats a run', (t) => {
  const material = { corpus: [Buffer.from('int main(void);'), Buffer.alloc(10)], words: [Buffer.from('x')], maxBytes: 64 };
  const run = (seed: number): string[] => {
    const random = new Random(seed);
    return Array.from({ length: 200 }, () => mutate(random, material).toString('hex'));
  };
  t.deepEqual(run(1), run(1));
  t.notDeepEqual(run(1), run(2));
});
