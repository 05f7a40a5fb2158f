import { join } from 'node:path';
import test from 'ava';
import { farmLayout, installation, programs } from '../../../ctl/dev/layout.ts';
import { existsSync } from 'node:fs';

test('the agent\'s sockets lie in the farm, and in /tmp when its path is too long for a socket address', (t) => {
  t.is(farmLayout('/tmp/farm').runtime, '/tmp/farm/run');
  const long = farmLayout(`/tmp/${'x'.repeat(100)}`);
  t.is(long.runtime, `/tmp/wardcc-dev-${long.id}`);
  t.true(Buffer.byteLength(join(long.runtime, `agent-${'0'.repeat(16)}.sock`)) <= 107);
});

test('two farms never share a name', (t) => {
  t.not(farmLayout('/tmp/a').id, farmLayout('/tmp/b').id);
  t.is(farmLayout('/tmp/a/').id, farmLayout('/tmp/a').id);
});

test('the installation is the directory that holds dist and node_modules', (t) => {
  t.true(existsSync(join(installation, 'package.json')));
  t.is(programs, join(installation, 'dist/bin'));
});
