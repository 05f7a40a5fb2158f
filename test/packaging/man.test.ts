/**
 * The manual pages say what the programs say.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { wardctlPage } from '../../setup/man.ts';
import { everyCommand, help, helpText } from '../docs/help.ts';
import { page, root } from '../docs/pages.ts';

const run = promisify(execFile);
const directory = join(root, 'packaging/man');
const manual = (name: string): string => readFileSync(join(directory, name), 'utf8');
const found = (text: string, pattern: RegExp): string[] => [...new Set([...text.matchAll(pattern)].map(([, what]) => what!))].sort();

for (const name of readdirSync(directory)) {
  test(`${name} is in order: mandoc has no warning`, async (t) => {
    const { stdout } = await run('mandoc', ['-T', 'lint', '-W', 'warning', join(directory, name)]);
    t.is(stdout, '');
  });
}

test('wardctl.1 is what setup/man.ts writes', async (t) => {
  t.is(manual('wardctl.1'), await wardctlPage(), 'run: node_modules/.bin/node setup/man.ts');
});

test('wardctl.1 has every command with its options', async (t) => {
  const { stdout } = await run('mandoc', ['-T', 'utf8', '-O', 'width=400', join(directory, 'wardctl.1')], { maxBuffer: 1 << 24 });
  const text = stdout.replaceAll(/.\u0008/g, '');
  for (const path of await everyCommand('wardctl')) {
    const section = new RegExp(`^ {5}${path.join(' ')}( .*)?$\\n((?: {10}.*\\n|\\n)*)`, 'm').exec(text)?.[2];
    if (!t.is(typeof section, 'string', path.join(' '))) continue;
    const { options } = await help('wardctl', path);
    t.deepEqual(found(section!, /^ +(?:-\S, )?(--[a-z][a-z0-9-]*)/gm), [...options.keys()].filter((option) => option.startsWith('--') && option !== '--help').sort(), path.join(' '));
  }
});

test('wardccd.8 has every command and option of wardccd', async (t) => {
  const text = manual('wardccd.8').replaceAll('\\-', '-');
  const told = await helpText('wardccd', []);
  t.deepEqual(found(text, /Fl -([a-z-]+)/g), [...found(told, /--([a-z-]+)/g), 'help'].sort());
  t.deepEqual(found(text, /^\.Cm ([a-z-]+)/gm), found(told, /wardccd ([a-z][a-z-]+)/g));
});

test('wardcc.1 and docs/builds.md name the same variables, and the same exit statuses', async (t) => {
  const variables = found(page('docs/builds.md'), /^\| `(WARDCC_[A-Z_]+)/gm);
  t.deepEqual(found(manual('wardcc.1'), /^\.It Ev (WARDCC_[A-Z_]+)/gm), variables);
  const told = await helpText('wardcc', []);
  for (const variable of found(told, /(WARDCC_[A-Z_]+)/g)) t.true(variables.includes(variable), variable);
  const statuses = [...page('docs/builds.md').matchAll(/^\| ([0-9, ]+) \|/gm)].flatMap(([, numbers]) => numbers!.split(', '));
  t.deepEqual(found(manual('wardcc.1'), /^\.It ([0-9]+)$/gm), [...statuses].sort());
});
