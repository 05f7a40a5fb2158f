import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ResultCache } from '../../../server/store/result-cache.ts';
import { resultDigest, type ResultRecord } from '../../../server/store/result-record.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const action = sha256(Buffer.from('action'));
const object = Buffer.from('an object file');
const warning = Buffer.from('warning: unused\n');
const part = (content: Buffer) => ({ digest: sha256(content), size: content.length });

const record: ResultRecord = {
  action, server: 'localhost', job: 1, stdout: part(Buffer.alloc(0)), stderr: part(warning), outputs: [{ index: 0, mode: 0o644, ...part(object) }], key: 'k', signature: 'good',
};

const kept = (of: ResultRecord) => ({ record: of, stdout: Buffer.alloc(0), stderr: warning, outputs: [object] });

async function filled(t: ExecutionContext<unknown>): Promise<{ cache: ResultCache; directory: string; alarms: string[] }> {
  const directory = join(await temporaryDirectory(t), 'results');
  const alarms: string[] = [];
  const cache = new ResultCache(directory, 1e6, { damaged: (error) => alarms.push(error.code), signed: ({ signature }) => signature === 'good' });
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
    const cache = new ResultCache(directory, 1e6, { damaged: (error) => alarms.push(error.code), signed: (each) => resultDigest(each) === resultDigest(record) });
    const flipped = Buffer.from(original);
    const at = Math.floor(flipped.length / 2);
    flipped[at] = flipped[at]! ^ 1;
    chmodSync(file, 0o644);
    writeFileSync(file, flipped);
    const found = await cache.find('lua', action);
    // A bit of the record that means nothing to its reader may flip: then what comes back is still exactly what was kept.
    if (found === undefined) t.deepEqual(alarms, ['blob-corrupt'], file);
    else t.deepEqual(found.outputs, [object], file);
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
  await cache.keep('lua', kept({ ...record, signature: 'forged' }));
  t.is(await cache.find('lua', action), undefined);
  t.deepEqual(alarms, ['blob-corrupt']);
  t.is(await cache.find('lua', action), undefined);
  t.is(alarms.length, 1);
});
