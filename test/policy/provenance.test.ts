import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import test from 'ava';
import { signResult } from '../../policy/log/checkpoint.ts';
import { findDoubt, provenanceOf, readEnvelope } from '../../policy/provenance.ts';
import { WardError } from '../../protocol/errors.ts';
import { envelopeOf, statementOf, type Claim, type Envelope } from '../../protocol/statement.ts';
import { resultKey } from '../fixtures/signed-farm.ts';

const key = resultKey();
const publicKey = createPublicKey(key.key);
const claim: Claim = {
  server: 'build1.corp.example', epoch: 7, job: 12, principal: 'krb5:alice@CORP.EXAMPLE', domain: 'project:default', policy: '1'.repeat(64),
  toolchain: '2'.repeat(64), action: '3'.repeat(64), finished: '2026-11-28T12:00:00.000Z',
};
const empty = { digest: '4'.repeat(64), size: 0 };
const outputs = [{ index: 0, mode: 0o644, digest: '5'.repeat(64), size: 9 }, { index: 2, mode: 0o644, digest: '6'.repeat(64), size: 9 }];
const parts = { stdout: empty, stderr: empty, outputs };
const names = ['/home/alice/a.o', '/home/alice/a.d', '/home/alice/a.dwo'];

const envelope = (change: Partial<Claim> = {}): Envelope => {
  const statement = statementOf({ ...claim, ...change }, parts, names);
  return envelopeOf(statement, { key: key.id, signature: signResult(statement, key.key) });
};

const trusting = (name: string, id: string, epoch: number) =>
  ({ farm: { epoch, servers: new Map([[name, { name, resultKeys: new Map([[id, publicKey]]) }]]) } });

test('what an envelope says is what was signed', (t) => {
  t.deepEqual(provenanceOf(readEnvelope(JSON.stringify(envelope()), 'e'), 'e'), {
    ...claim, key: key.id, subjects: [{ name: '/home/alice/a.o', sha256: '5'.repeat(64) }, { name: '/home/alice/a.dwo', sha256: '6'.repeat(64) }],
  });
});

test('it is believed under a key that the farm file lists for its server, in an epoch that is not older', (t) => {
  const written = envelope();
  const doubt = (trust: Parameters<typeof findDoubt>[2]): string | undefined => findDoubt(written, provenanceOf(written, 'e'), trust);
  for (const epoch of [1, 7]) t.is(doubt(trusting(claim.server, key.id, epoch)), undefined);
  t.is(doubt({ key: publicKey }), undefined);
  t.is(doubt(trusting(claim.server, key.id, 8)), 'it was recalled: it is of epoch 7, and the farm file of epoch 8');
  t.is(doubt(trusting('build2.corp.example', key.id, 7)), 'the farm file does not name the server build1.corp.example');
  t.is(doubt(trusting(claim.server, 'f'.repeat(16), 7)), `the farm file does not list the key ${key.id} for the server build1.corp.example`);
  const other = resultKey();
  t.is(doubt({ key: createPublicKey(other.key) }), `it names the key ${key.id}, and the key that was given is ${other.id}`);
});

test('nothing of a statement can be changed under its signature', (t) => {
  const trust = trusting(claim.server, key.id, 1);
  const { payload, ...rest } = envelope();
  const bytes = Buffer.from(payload, 'base64');
  let read = 0;
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    const written = { ...rest, payload: changed.toString('base64') };
    try {
      const provenance = provenanceOf(written, 'e');
      read += 1;
      t.not(findDoubt(written, provenance, trust), undefined);
    } catch (error) {
      t.true(error instanceof WardError && error.code === 'config-invalid');
    }
  }
  t.true(read > 100);
});

test('an envelope or statement of another form is refused, whatever it is', (t) => {
  const strange: [unknown, RegExp][] = [
    [{}, /payloadType/], [[], /list|object/i], [{ ...envelope(), payloadType: 'text/plain' }, /payloadType/], [{ ...envelope(), more: 1 }, /more/],
    [{ ...envelope(), signatures: [] }, /signatures/],
  ];
  for (const [value, words] of strange) {
    const error = t.throws(() => readEnvelope(JSON.stringify(value), 'e.json'), { instanceOf: WardError, code: 'config-invalid' });
    t.regex(error.message, words);
    t.regex(error.message, /^e\.json:/);
  }
  fc.assert(fc.property(fc.json(), (text) => {
    const error = t.throws(() => provenanceOf(envelopeOf(text, { key: key.id, signature: '' }), 'e'), { instanceOf: WardError });
    return error.code === 'config-invalid';
  }), { numRuns: 200 });
});
