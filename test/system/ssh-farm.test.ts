/**
 * A farm over SSH that root brings up: sshd, bridge and servers under another account, in a mount namespace of their own.
 *
 * @module
 */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { farmLayout } from '../../ctl/dev/layout.ts';
import { leftBehind } from '../../setup/demo/left-behind.ts';
import { until } from '../fixtures/changing-farm.ts';
import { dev, startFarm } from '../fixtures/farm.ts';
import { compileOne } from '../fixtures/farm-life.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

test.serial('people reach two servers of root\'s farm through the sshd of each, and nothing is left of it', async (t) => {
  const place = await temporaryDirectory(t);
  await chmod(place, 0o700);
  const directory = join(place, 'farm');
  const farm = await startFarm(t, ['--ssh', '--cores', '1', '--servers', '2'], directory);
  await compileOne(t, farm, join(place, 'work'));
  // A job waits for one server only: the other may still be connecting.
  const hosts = await until('both are connected', async () => {
    const { stdout } = await farm.run(['wardctl', 'hosts', '--json']);
    const found = (JSON.parse(stdout) as { hosts: { name: string; state: string; mechanism: string }[] }).hosts;
    return found.every(({ state }) => state === 'connected') ? found : undefined;
  });
  t.deepEqual(hosts.map(({ state, mechanism }) => [state, mechanism]), [['connected', 'ssh'], ['connected', 'ssh']]);
  t.true(hosts.every(({ name }) => /^ssh:\/\/wardcc-dev@127\.0\.0\.[12]:/.test(name)));
  t.is((await dev('down', directory)).status, 0);
  t.deepEqual(leftBehind([directory, farmLayout(directory).id]), []);
});
