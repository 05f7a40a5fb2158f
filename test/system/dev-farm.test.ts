/**
 * A farm that root brings up: other account, mount namespace, control groups.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { farmCgroups } from '../../ctl/dev/cgroup.ts';
import { readFarmRecord } from '../../ctl/dev/farm-record.ts';
import { farmLayout } from '../../ctl/dev/layout.ts';
import { stageOf } from '../../ctl/dev/stage.ts';
import { dev, startFarm } from '../fixtures/farm.ts';
import { liveThrough } from '../fixtures/farm-life.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const execute = promisify(execFile);

test.serial('root\'s farm lives in a directory that its servers\' account could not reach', async (t) => {
  const place = await temporaryDirectory(t);
  await chmod(place, 0o700);
  await liveThrough(t, place);
});

test.serial('root\'s servers run as wardcc-dev without privileges, and their cgroups and mounts end with them', async (t) => {
  const farm = await startFarm(t, ['--cores', '1']);
  const layout = farmLayout(farm.directory);
  const [server] = (await readFarmRecord(layout.record))!.processes;
  const uid = (await execute('id', ['-u', 'wardcc-dev'])).stdout.trim();
  const status = await readFile(`/proc/${server!.pid}/status`, 'utf8');
  t.regex(status, new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'));
  t.regex(status, /^CapEff:\t0+$/m);
  t.true((await readFile(`/proc/${server!.pid}/cgroup`, 'utf8')).includes(`/wardcc-dev-${layout.id}/`));
  t.is((await dev('down', farm.directory)).status, 0);
  t.false(existsSync(stageOf(layout)));
  for (const cgroup of farmCgroups(`wardcc-dev-${layout.id}`)) t.false(existsSync(cgroup), cgroup);
});

test.serial('servers cannot read the keys of the CA and of people', async (t) => {
  const place = await temporaryDirectory(t);
  await chmod(place, 0o755);
  const farm = await startFarm(t, ['--cores', '1'], join(place, 'farm'));
  const layout = farmLayout(farm.directory);
  for (const secret of [join(layout.ca, 'ca.key'), join(layout.people, 'alice', 'key.pem'), layout.client]) {
    await t.throwsAsync(execute('setpriv', ['--reuid', 'wardcc-dev', '--regid', 'wardcc-dev', '--clear-groups', 'cat', secret]), { message: /Permission denied/ });
  }
});
