import test from 'ava';
import { killRace } from './kill-race.ts';
import { freshSeed } from './random.ts';

test('a job that is killed while its sandbox is made leaves nothing, and the slot takes the next one', async (t) => {
  const seed = freshSeed();
  t.log(`seed ${seed}`);
  const { orphans, spoiled } = await killRace(20, seed);
  t.is(orphans, 0);
  t.is(spoiled, 0);
});
