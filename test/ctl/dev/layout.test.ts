import { join } from 'node:path';
import test from 'ava';
import { farmLayout, installation, programs } from '../../../ctl/dev/layout.ts';
import { existsSync } from 'node:fs';

test('the agent\'s and the servers\' sockets lie in the farm, and in /tmp when its path is too long for a socket address', (t) => {
  t.is(farmLayout('/tmp/farm').runtime, '/tmp/farm/run');
  const long = farmLayout(`/tmp/${'x'.repeat(100)}`);
  t.is(long.runtime, `/tmp/wardcc-dev-${long.id}`);
  t.is(long.serverRun(2), `${long.runtime}/server-2`);
  for (const length of [1, 60, 75, 76, 200]) {
    const layout = farmLayout(`/${'x'.repeat(length - 1)}`);
    t.true(Buffer.byteLength(join(layout.runtime, `agent-${'0'.repeat(16)}.sock`)) <= 107);
    t.true(Buffer.byteLength(join(layout.serverRun(999), 'front.sock')) <= 107);
  }
});

test('two farms never share a name', (t) => {
  t.not(farmLayout('/tmp/a').id, farmLayout('/tmp/b').id);
  t.is(farmLayout('/tmp/a/').id, farmLayout('/tmp/a').id);
});

test('the installation is the directory that holds dist and node_modules', (t) => {
  t.true(existsSync(join(installation, 'package.json')));
  t.is(programs, join(installation, 'dist/bin'));
});
