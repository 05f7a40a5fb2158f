/** The short form of the attacks: those that stand for their families. `npm run attacks` tries all of them. */
import test from 'ava';
import { attacks, casesOf } from './rows/index.ts';
import { Ways } from './ways.ts';

let ways: Ways;

test.before('a farm, a sandbox and a check to attack', async (t) => {
  t.timeout(180_000);
  ways = await Ways.open();
});

test.after.always('nothing of them is left', async () => {
  await ways?.close();
});

for (const one of casesOf(attacks.filter(({ short }) => short))) {
  test.serial(`${one.name} works on a plain compiler and on nothing of ours: ${one.attack.tries}`, async (t) => {
    t.deepEqual((await ways.try(one)).failures, []);
  });
}

test.serial('after all attacks the server compiles, has as many processes and mounts as before, and has logged each', async (t) => {
  t.deepEqual(await ways.aftermath(), []);
});

test('attacks have names of their own', (t) => {
  const names = casesOf(attacks).map(({ name }) => name);
  t.deepEqual(names, [...new Set(names)]);
});
