import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { eventTable } from '../../policy/log/events.ts';

const root = join(import.meta.dirname, '../..');
const page = (name: string): string => readFileSync(join(root, 'docs', name), 'utf8');

test('docs/audit.md lists every event with its code, and no other', (t) => {
  const listed = [...page('audit.md').matchAll(/^\| (WL\d{3}) \| (\S+) \|/gm)].map(([, code, event]) => `${code} ${event}`);
  t.deepEqual(listed, Object.entries(eventTable).map(([event, { code }]) => `${code} ${event}`));
});

test('docs/policy.md lists every code of a finding, and no other', (t) => {
  const listed = [...page('policy.md').matchAll(/^\| (WP\d{3}) \|/gm)].map(([, code]) => code);
  const sources = readdirSync(join(root, 'policy'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const used = new Set(sources.flatMap((name) => readFileSync(join(root, 'policy', name), 'utf8').match(/(?<=')WP\d{3}(?=')/g) ?? []));
  t.deepEqual(listed, [...used].sort());
});
