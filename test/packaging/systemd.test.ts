import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const execute = promisify(execFile);
const checkout = resolve(import.meta.dirname, '../..');
const units = join(checkout, 'packaging/systemd');
const documentation = (): Promise<string> => readFile(join(checkout, 'docs/systemd.md'), 'utf8');

/** The most that a unit may be exposed; the executors need what makes sandboxes. */
const most: Readonly<Record<string, number>> = { 'wardccd-front.service': 2, 'wardccd-keeper.service': 2, 'wardccd.service': 3.5 };

for (const unit of readdirSync(units).filter((name) => name.endsWith('.service'))) {
  test(`${unit} is not more exposed than it may be and than its documentation says, and every exception is explained there`, async (t) => {
    const { stdout } = await execute('systemd-analyze', ['security', '--offline=true', `--threshold=${Math.round(most[unit]! * 10)}`, '--no-pager', join(units, unit)]);
    const exposure = /Overall exposure level[^:]*: ([0-9.]+)/.exec(stdout)?.[1];
    const told = await documentation();
    t.true(told.includes(`| \`${unit}\` | ${exposure} |`), `the exposure is ${exposure}`);
    const section = new RegExp(`^## What \`${unit}\` leaves open\\n([^]*?)(?=^## |(?![^]))`, 'm').exec(told)?.[1] ?? '';
    const open = stdout.split('\n').flatMap((line) => /^✗ (\w+=)/.exec(line)?.[1] ?? []);
    t.true(open.length > 0);
    for (const name of open) t.true(section.includes(`\`${name}\``), `${name} is left open and not explained`);
  });
}

test('every setting of the units is one that systemd knows', async (t) => {
  const { stderr } = await execute('systemd-analyze', ['verify', ...readdirSync(units).filter((name) => /\.(service|socket|target)$/.test(name)).map((name) => join(units, name))])
    .catch((error: { stderr: string }) => error);
  t.notRegex(stderr, /Unknown|unknown key|Failed to parse|ignoring/i, stderr);
});

test('a server that cannot start is started again for as long as it takes', async (t) => {
  const settingsOf = async (unit: string): Promise<string[]> => (await readFile(join(units, unit), 'utf8')).split('\n');
  t.true((await settingsOf('wardccd.service')).includes('Restart=on-failure'));
  for (const unit of Object.keys(most)) t.true((await settingsOf(unit)).includes('StartLimitIntervalSec=0'), unit);
});
