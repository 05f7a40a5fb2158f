import { execFile } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const execute = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const policy = '/usr/sbin/policy-rc.d';

const state = () => (existsSync(policy) ? { text: readFileSync(policy, 'utf8'), mode: lstatSync(policy).mode } : undefined);

test.serial('while packages are installed no daemon may start, and afterwards the machine\'s policy is as it was', async (t) => {
  const before = state();
  const code = 'root=$1; . "$1/setup/lib.sh"; . "$1/setup/packages.sh"; ( keep_daemons_from_starting; /usr/sbin/policy-rc.d x start; echo "$?"; exit 7 ); echo "$?"';
  const { stdout } = await execute('sh', ['-c', code, 'sh', root]);
  t.is(stdout, '101\n7\n');
  t.deepEqual(state(), before);
});
