/**
 * The times of docs/faults.md are those of the code.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { longestJobMs } from '../chaos/chaos.ts';
import { page, root } from './pages.ts';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000 };

interface Row {
  readonly what: string;
  readonly ms: number;
  readonly file: string;
  readonly constant: string;
}

const rows: readonly Row[] = [...page('docs/faults.md').matchAll(/^\| (.*) \| ([0-9.]+) (ms|s|min) \| `(\S+)` `(\w+)` \|$/gm)].map(([, what, number, unit, file, constant]) => ({
  what: what!, ms: Number(number) * units[unit!]!, file: file!, constant: constant!,
}));

/** `const NAME = 20 * 60_000;` or `NAME: 10_000,`: a product of whole numbers. */
const valueOf = ({ file, constant }: Row): number | undefined => {
  const product = new RegExp(`\\b${constant}(?: =|:) ([0-9_]+(?: \\* [0-9_]+)*)(?:[;,]| \\})`).exec(readFileSync(join(root, file), 'utf8'))?.[1];
  return product?.split(' * ').map((factor) => Number(factor.replaceAll('_', ''))).reduce((a, b) => a * b);
};

test('every time that the page states is the one that the code keeps', (t) => {
  t.true(rows.length >= 20);
  for (const row of rows) t.is(row.ms, valueOf(row)!, `${row.what}: ${row.file} ${row.constant}`);
});

test('every row of the table of times can be checked', (t) => {
  const table = page('docs/faults.md').split('## How long anything is waited for')[1]!;
  t.is(table.split('\n').filter((line) => line.startsWith('| ')).length - 1, rows.length);
});

test('the chaos test holds every compile against the sum that the page states', (t) => {
  const ms = (constant: string): number => rows.find((row) => row.file === 'client/farm/session.ts' && row.constant === constant)!.ms;
  const tries = 3;
  const compileHereMs = 30_000;
  t.is(longestJobMs, tries * (ms('connectMs') + 2 * ms('keepAliveMs')) + compileHereMs);
});
