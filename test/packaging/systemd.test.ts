import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const execute = promisify(execFile);
const checkout = resolve(import.meta.dirname, '../..');
const unit = join(checkout, 'packaging/systemd/wardccd.service');

test('the unit is not more exposed than its documentation says, and every exception is explained there', async (t) => {
  const { stdout } = await execute('systemd-analyze', ['security', '--offline=true', '--no-pager', unit]);
  const documentation = await readFile(join(checkout, 'docs/systemd.md'), 'utf8');
  const exposure = /Overall exposure level[^:]*: ([0-9.]+)/.exec(stdout)?.[1];
  t.true(documentation.includes(`gives ${exposure}.`), `the exposure is ${exposure}`);
  const open = stdout.split('\n').flatMap((line) => /^✗ (\w+=)/.exec(line)?.[1] ?? []);
  t.true(open.length > 0);
  for (const name of open) t.true(documentation.includes(`\`${name}\``), `${name} is left open and not explained`);
});

test('every setting of the unit is one that systemd knows', async (t) => {
  const { stderr } = await execute('systemd-analyze', ['verify', unit]).catch((error: { stderr: string }) => error);
  t.notRegex(stderr, /Unknown|unknown key|Failed to parse|ignoring/i, stderr);
});
