import { readFileSync } from 'node:fs';
import test from 'ava';
import { merge, pageWith, readTap, type Results } from '../interop/table.ts';

const read = (path: string): string => readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8');

test('docs/interop.md says what the last run of the interop tests said', (t) => {
  const page = read('interop.md');
  t.is(pageWith(page, JSON.parse(read('results/interop.json')) as Results), page);
});

test('a column that is run again replaces its own outcomes and no others', (t) => {
  const first = readTap('TAP version 13\nok 1 - times › clocks: a # b\nnot ok 2 - krb5 › attacks › a token is good once\n  ---\n');
  t.deepEqual(first, [
    { file: 'times', title: 'clocks: a', outcome: 'passed' }, { file: 'attacks', title: 'a token is good once', outcome: 'failed' },
  ]);
  const both = merge(merge([], 'mit', first, {}), 'samba', first.slice(1), { 'clocks: a': 'because' });
  t.deepEqual(both.map(({ outcomes }) => outcomes), [{ mit: 'passed', samba: 'not possible' }, { mit: 'failed', samba: 'failed' }]);
  const again = merge(both, 'mit', [{ ...first[1]!, outcome: 'passed' }], {});
  t.deepEqual(again.map(({ outcomes }) => outcomes), [{ samba: 'not possible' }, { mit: 'passed', samba: 'failed' }]);
});
