/** SECURITY.md: each promise names tests that exist, and its table of attacks is the one that is tried. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { securityFile, withTable } from '../attacks/table.ts';
import { root } from './pages.ts';

const text = readFileSync(securityFile, 'utf8');
const promised = text.slice(text.indexOf('## What is promised'), text.indexOf('## What is not promised'));

test('the table of attacks is up to date: node test/attacks/table.ts', (t) => {
  t.is(withTable(text), text);
});

test('every file that is named exists', (t) => {
  const named = [...text.matchAll(/`((?:test|docs)\/[^`*]+)`/g)].map(([, name]) => name!);
  t.true(named.length > 40);
  t.deepEqual(named.filter((name) => !existsSync(join(root, name))), []);
});

test('every promise names a test', (t) => {
  const rows = promised.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| promise '));
  t.true(rows.length > 20);
  t.deepEqual(rows.filter((line) => !/`test\/\S+\.test\.ts`/.test(line)), []);
});

test('it says, in this order, what is trusted, promised and not, who attacks, what is no vulnerability, and how to report', (t) => {
  t.deepEqual([...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title), [
    'What is trusted', 'What is promised', 'What is not promised', 'Who attacks', 'Attacks that are tried', 'What is no vulnerability', 'Reporting',
  ]);
});
