import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { farmLayout } from '../../../ctl/dev/layout.ts';
import { leftBehind } from '../../../setup/demo/left-behind.ts';
import { dev, startFarm } from '../../fixtures/farm.ts';
import { compileOne, liveThrough } from '../../fixtures/farm-life.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('a farm comes up, compiles, logs, goes down and leaves no process', async (t) => {
  await liveThrough(t, await temporaryDirectory(t));
});

test('a farm whose path is too long for a socket works, and comes up again with the same people', async (t) => {
  const place = join(await temporaryDirectory(t), 'a long way down '.repeat(8));
  await mkdir(place, { recursive: true });
  const farm = await startFarm(t, ['--servers', '2', '--cores', '1'], join(place, 'farm'));
  await compileOne(t, farm, join(place, 'work'));
  t.is((await dev('down', farm.directory)).status, 0);
  const again = await startFarm(t, ['--cores', '1'], farm.directory);
  await compileOne(t, again, join(place, 'work'));
});

test('a server that cannot start says why, and nothing is left of the farm', async (t) => {
  const directory = join(await temporaryDirectory(t), 'farm');
  await mkdir(directory);
  await writeFile(farmLayout(directory).policy, '{ "serial": 1 ');
  const up = await dev('up', directory);
  t.is(up.status, 1);
  t.regex(up.stderr, /policy\.jsonc/);
  t.deepEqual(leftBehind([directory, farmLayout(directory).id]), []);
});

test('dev down without a farm says so and is no failure', async (t) => {
  const down = await dev('down', join(await temporaryDirectory(t), 'none'));
  t.is(down.status, 0);
  t.regex(down.stdout, /holds no farm/);
});
