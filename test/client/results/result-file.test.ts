import fc from 'fast-check';
import test from 'ava';
import { envelopeOf } from '../../../protocol/statement.ts';
import { decodeResult, encodeResult } from '../../../client/results/result-file.ts';

const key = 'a'.repeat(64);
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const envelope = fc.record({ key: fc.string(), signature: fc.string(), statement: fc.string({ unit: 'grapheme' }) })
  .map(({ statement, ...signed }) => envelopeOf(statement, signed));
const result = fc.record({
  server: fc.string(),
  stdout: bytes,
  stderr: bytes,
  outputs: fc.array(fc.record({ index: fc.nat(63), mode: fc.nat(0o777), content: bytes }), { maxLength: 5 }),
  envelope,
}, { requiredKeys: ['server', 'stdout', 'stderr', 'outputs'] });

test('every result comes back as it was kept', (t) => {
  fc.assert(fc.property(result, (kept) => {
    const back = decodeResult(key, Buffer.concat(encodeResult(key, kept)));
    return JSON.stringify(back) === JSON.stringify(kept);
  }));
  t.pass();
});

test('a flipped bit anywhere makes it a miss', (t) => {
  const file = Buffer.concat(encodeResult(key, { server: 's', stdout: Buffer.alloc(0), stderr: Buffer.from('warning'), outputs: [{ index: 0, mode: 0o644, content: Buffer.from('object') }] }));
  for (let at = 0; at < file.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(file);
      flipped[at] = flipped[at]! ^ (1 << bit);
      t.is(decodeResult(key, flipped), undefined);
    }
  }
});

test('a truncated file is a miss, at whatever byte', (t) => {
  const file = Buffer.concat(encodeResult(key, { server: 's', stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), outputs: [] }));
  for (let length = 0; length < file.length; length++) t.is(decodeResult(key, file.subarray(0, length)), undefined);
});

test('the result of another job is a miss', (t) => {
  const file = Buffer.concat(encodeResult(key, { server: 's', stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), outputs: [] }));
  t.is(decodeResult('b'.repeat(64), file), undefined);
});
