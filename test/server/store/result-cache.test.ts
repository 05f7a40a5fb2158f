import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ResultCache } from '../../../server/store/result-cache.ts';
import { standingOf } from '../../../server/store/result-trust.ts';
import { signedRecord } from '../../fixtures/result-record.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const action = sha256(Buffer.from('action'));
const object = Buffer.from('an object file');
const warning = Buffer.from('warning: unused\n');
const part = (content: Buffer) => ({ digest: sha256(content), size: content.length });

const { record, own } = signedRecord({ action, stdout: part(Buffer.alloc(0)), stderr: part(warning), outputs: [{ index: 0, mode: 0o644, ...part(object) }] });

const kept = (of = record) => ({ record: of, stdout: Buffer.alloc(0), stderr: warning, outputs: [object] });

async function filled(t: ExecutionContext<unknown>): Promise<{ cache: ResultCache; directory: string; alarms: string[] }> {
  const directory = join(await temporaryDirectory(t), 'results');
  const alarms: string[] = [];
  const cache = new ResultCache(directory, 1e6, { damaged: (error) => alarms.push(error.code), standing: (each) => standingOf(each, own) });
  await cache.keep('lua', kept(record));
  return { cache, directory, alarms };
}

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));

test('a kept result comes back with its warnings', async (t) => {
  const { cache } = await filled(t);
  const found = await cache.find('lua', action);
  t.deepEqual(found?.outputs, [object]);
  t.deepEqual(found?.stderr, warning);
  t.is(found?.stdout.length, 0);
});

test('a result of one domain is a miss in another', async (t) => {
  const { cache } = await filled(t);
  t.is(await cache.find('redis', action), undefined);
});

test('a flipped bit in any kept file is a miss and an alarm, never a wrong object', async (t) => {
  const { directory } = await filled(t);
  for (const file of filesBelow(directory)) {
    const original = readFileSync(file);
    const alarms: string[] = [];
    const cache = new ResultCache(directory, 1e6, { damaged: (error) => alarms.push(error.code), standing: (each) => standingOf(each, own) });
    const flipped = Buffer.from(original);
    const at = Math.floor(flipped.length / 2);
    flipped[at] = flipped[at]! ^ 1;
    chmodSync(file, 0o644);
    writeFileSync(file, flipped);
    const found = await cache.find('lua', action);
    t.is(found, undefined, file);
    t.deepEqual(alarms, ['blob-corrupt'], file);
    writeFileSync(file, original);
    await cache.keep('lua', kept(record));
  }
});

test('a truncated or lengthened part is a miss and an alarm', async (t) => {
  const { cache, directory, alarms } = await filled(t);
  const file = filesBelow(directory).find((name) => name.endsWith(sha256(object)))!;
  chmodSync(file, 0o644);
  appendFileSync(file, 'x');
  t.is(await cache.find('lua', action), undefined);
  t.deepEqual(alarms, ['blob-corrupt']);
});

test('a record under another action’s name, or with a signature that does not count, is a miss and an alarm', async (t) => {
  const { cache, alarms } = await filled(t);
  await cache.keep('lua', kept({ ...record, signature: record.signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) }));
  t.is(await cache.find('lua', action), undefined);
  t.deepEqual(alarms, ['blob-corrupt']);
  t.is(await cache.find('lua', action), undefined);
  t.is(alarms.length, 1);
});

test('a result of an epoch before that of the farm file is recalled: a miss, and no alarm', async (t) => {
  const directory = join(await temporaryDirectory(t), 'results');
  const alarms: string[] = [];
  let epoch = 1;
  const farm = { get epoch() { return epoch; }, servers: new Map() };
  const cache = new ResultCache(directory, 1e6, { damaged: ({ code }) => alarms.push(code), standing: (each) => standingOf(each, own, farm) });
  await cache.keep('lua', kept());
  t.deepEqual((await cache.find('lua', action))?.outputs, [object]);
  epoch = 2;
  t.is(await cache.find('lua', action), undefined);
  epoch = 1;
  t.is(await cache.find('lua', action), undefined, 'it is gone for good');
  t.deepEqual(alarms, []);
});

test('a record of another server counts under a key that the farm file lists for it, and under no other', (t) => {
  const other = { ...own, server: 'elsewhere' };
  const listing = (name: string, id: string) => ({ epoch: 1, servers: new Map([[name, { name, resultKeys: new Map([[id, own.publicKey]]) }]]) });
  t.is(standingOf(record, other, listing('localhost', record.key)), 'good');
  t.is(standingOf(record, other, listing('localhost', 'another')), 'forged');
  t.is(standingOf(record, other, listing('elsewhere', record.key)), 'forged');
  t.is(standingOf(record, other), 'forged');
});
