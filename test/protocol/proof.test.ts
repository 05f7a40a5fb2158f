import test from 'ava';
import fc from 'fast-check';
import { WardError } from '../../protocol/errors.ts';
import { isProof, proofMessage, proofText } from '../../protocol/proof.ts';

const io = (exporter: number, transcript: number) => ({
  exporter: (_: string, length: number) => Buffer.alloc(length, exporter), transcript: () => Buffer.alloc(32, transcript),
});

test('a proof is the four bytes 01 00 00 ff and 64 hexadecimal digits', (t) => {
  t.regex(proofMessage(proofText('client', io(1, 2))).toString('latin1'), /^\x01\x00\x00\xff[0-9a-f]{64}$/);
});

test('a proof is another one for the other side, another connection and another handshake', (t) => {
  const proofs = [
    proofText('client', io(1, 2)), proofText('server', io(1, 2)), proofText('client', io(3, 2)), proofText('client', io(1, 3)),
  ];
  t.is(new Set(proofs).size, proofs.length);
});

test('without TLS there is no proof', (t) => {
  const error = t.throws(() => proofText('client', { ...io(1, 2), exporter: () => undefined }), { instanceOf: WardError });
  t.deepEqual([error.code, error.message], ['mechanism-not-permitted', 'Mechanism krb5 needs a TLS connection.']);
});

test('nothing but the very bytes is the proof', (t) => {
  const text = proofText('server', io(7, 7));
  const genuine = proofMessage(text);
  t.true(isProof(genuine, text));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => !isProof(Buffer.from(bytes), text)));
  for (let at = 0; at < genuine.length; at++) {
    const changed = Buffer.from(genuine);
    changed[at]! ^= 1;
    t.false(isProof(changed, text), `byte ${at}`);
  }
  t.false(isProof(genuine.subarray(0, -1), text));
  t.false(isProof(Buffer.concat([genuine, Buffer.from('0')]), text));
});
