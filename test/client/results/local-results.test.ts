import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { LocalResults } from '../../../client/results/local-results.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const key = (n: number): string => n.toString(16).padStart(64, '0');
const result = (content: string) => ({
  server: 'build1', stdout: Buffer.alloc(0), stderr: Buffer.from('a warning\n'), outputs: [{ index: 0, mode: 0o644, content: Buffer.from(content) }],
});

test('a kept result is found again, also by the next agent', async (t) => {
  const directory = join(await temporaryDirectory(t), 'results');
  const results = new LocalResults(directory, 1e6);
  results.keep(key(1), result('object'));
  t.is(results.find(key(1))?.outputs[0]?.content.toString(), 'object');
  t.is(new LocalResults(directory, 1e6).find(key(1))?.stderr.toString(), 'a warning\n');
});

test('nobody else can read or write what is kept', async (t) => {
  const directory = join(await temporaryDirectory(t), 'results');
  new LocalResults(directory, 1e6).keep(key(1), result('object'));
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    t.is(statSync(join(entry.parentPath, entry.name)).mode & 0o077, 0, entry.name);
  }
});

test('a damaged result is a miss, and is gone', async (t) => {
  const directory = join(await temporaryDirectory(t), 'results');
  const results = new LocalResults(directory, 1e6);
  results.keep(key(1), result('object'));
  writeFileSync(join(directory, '00', key(1)), 'something else');
  t.is(results.find(key(1)), undefined);
  t.is(results.bytes, 0);
});

test('the least recently used results go when there is no room', async (t) => {
  const directory = join(await temporaryDirectory(t), 'results');
  const results = new LocalResults(directory, 2000);
  for (let n = 0; n < 8; n++) {
    results.keep(key(n), result(String(n).repeat(100)));
    results.find(key(0));
  }
  t.truthy(results.find(key(0)));
  t.is(results.find(key(1)), undefined);
  t.truthy(results.find(key(7)));
  t.true(results.bytes <= 2000);
});

test('with no bytes allowed nothing is kept', async (t) => {
  const directory = join(await temporaryDirectory(t), 'results');
  const results = new LocalResults(directory, 0);
  results.keep(key(1), result('object'));
  t.is(results.find(key(1)), undefined);
});
