import { execFileSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { forever, parseSshKey, sshFingerprint } from '../../../certs/openssh/key.ts';
import { isSignedByAuthority } from '../../../certs/openssh/signature.ts';
import { WardError } from '../../../protocol/errors.ts';
import { makeKeyRing, readLine } from './keys.ts';

const kinds = [['ed25519', undefined], ['rsa', 2048], ['ecdsa', 256], ['ecdsa', 384], ['ecdsa', 521]] as const;

for (const [type, bits] of kinds) {
  test(`the fingerprint of a ${type}${bits ?? ''} key is the one that ssh-keygen prints`, (t) => {
    const key = makeKeyRing(t).makeKey('key', type, bits);
    const printed = execFileSync('ssh-keygen', ['-l', '-E', 'sha256', '-f', `${key}.pub`], { encoding: 'utf8' }).split(' ')[1]!;
    t.is(sshFingerprint(parseSshKey(readLine(`${key}.pub`)).blob), printed);
  });

  test(`a certificate that a ${type}${bits ?? ''} authority made for a key of its kind is read, and its signature holds`, (t) => {
    const ring = makeKeyRing(t);
    const authority = ring.makeKey('authority', type, bits);
    const key = ring.makeKey('key', type, bits);
    const line = ring.certify(authority, key, { id: 'alice (laptop)', principals: 'alice,wardcc', serial: 2 ** 31 + 5, validity: '20260101:20360101' });
    const { blob, certificate } = parseSshKey(line);
    t.deepEqual(blob, parseSshKey(readLine(`${key}.pub`)).blob);
    t.like(certificate, { keyId: 'alice (laptop)', principals: ['alice', 'wardcc'], serial: 2n ** 31n + 5n, type: 'user' });
    t.deepEqual(certificate!.authority, parseSshKey(readLine(`${authority}.pub`)).blob);
    t.true(certificate!.validAfter < certificate!.validBefore);
    t.true(isSignedByAuthority(certificate!));
  });
}

test('an RSA authority that still signs with SHA-1 signed nothing', (t) => {
  const ring = makeKeyRing(t);
  const line = ring.certify(ring.makeKey('authority', 'rsa', 2048), ring.makeKey('key'), { extra: ['-t', 'ssh-rsa'] });
  t.false(isSignedByAuthority(parseSshKey(line).certificate!));
});

test('a certificate without an end, without principals, or for a host says so', (t) => {
  const ring = makeKeyRing(t);
  const authority = ring.makeKey('authority');
  const key = ring.makeKey('key');
  t.like(parseSshKey(ring.certify(authority, key, { validity: 'always:forever', principals: '' })).certificate, { validAfter: 0n, validBefore: forever, principals: [] });
  t.is(parseSshKey(ring.certify(authority, key, { host: true })).certificate?.type, 'host');
});

test('a certificate with one bit changed is malformed, or its signature does not hold', (t) => {
  const ring = makeKeyRing(t);
  const line = ring.certify(ring.makeKey('authority'), ring.makeKey('key'));
  const [type, base64] = line.split(' ') as [string, string];
  const good = Buffer.from(base64, 'base64');
  fc.assert(fc.property(fc.nat(good.length * 8 - 1), (bit) => {
    const changed = Buffer.from(good);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    try {
      const { certificate } = parseSshKey(`${type} ${changed.toString('base64')}`);
      return certificate === undefined || !isSignedByAuthority(certificate);
    } catch (error) {
      return error instanceof WardError && error.code === 'certificate-invalid';
    }
  }), { numRuns: 500 });
  t.pass();
});

test('a certificate that is cut off, or goes on, is malformed', (t) => {
  const ring = makeKeyRing(t);
  const [type, base64] = ring.certify(ring.makeKey('authority'), ring.makeKey('key')).split(' ') as [string, string];
  const good = Buffer.from(base64, 'base64');
  for (let length = 1; length < good.length; length++) {
    t.throws(() => parseSshKey(`${type} ${good.toString('base64', 0, length)}`), { instanceOf: WardError, code: 'certificate-invalid' });
  }
  t.throws(() => parseSshKey(`${type} ${Buffer.concat([good, Buffer.alloc(1)]).toString('base64')}`), { code: 'certificate-invalid', message: 'The SSH certificate is malformed.' });
});

for (const [what, line] of [
  ['nothing', ''],
  ['a word', 'ssh-ed25519'],
  ['text that is no base64', 'ssh-ed25519 !!!!'],
  ['a type that is not the one inside', 'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIEvC6ho/GePtDxZgMcjGQSjNMmhnNWQ4ZBdSpXJ1q0Bf'],
  ['a kind of key that is not known', 'ssh-dss AAAAB3NzaC1kc3MAAAABAQ=='],
  ['a name that JavaScript knows', '__proto__ AAAACV9fcHJvdG9fXw=='],
] as const) {
  test(`${what} is no public key`, (t) => {
    t.throws(() => parseSshKey(line), { instanceOf: WardError, code: 'certificate-invalid' });
  });
}
