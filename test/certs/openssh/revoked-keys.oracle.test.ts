import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { parseSshKey } from '../../../certs/openssh/key.ts';
import { RevokedKeys } from '../../../certs/openssh/revoked-keys.ts';
import { WardError } from '../../../protocol/errors.ts';
import { makeKeyRing, readLine } from './keys.ts';

test('random lists say of random certificates what ssh-keygen says of them', (t) => {
  const ring = makeKeyRing(t);
  const authorities = [ring.makeKey('one'), ring.makeKey('other', 'ecdsa', 256)];
  const serial = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 300 }), fc.constant(2 ** 40));
  const entry = fc.oneof(
    serial.map((one) => `serial: ${one}`),
    // A range of one is refused by ssh-keygen.
    fc.tuple(serial, fc.integer({ min: 1, max: 40 })).map(([from, more]) => `serial: ${from}-${from + more}`),
    fc.constantFrom('alice', 'bob').map((id) => `id: ${id}`),
  );
  const certificates = authorities.flatMap((authority, which) =>
    [['alice', 1], ['bob', 7], ['dave', 0], ['dave', 41], ['dave', 200], ['dave', 2 ** 40]].map(([id, number], index) => {
      const key = ring.makeKey(`key-${which}-${index}`);
      ring.certify(authority, key, { id: String(id), serial: Number(number) });
      return `${key}-cert.pub`;
    }));
  let revoked = 0;
  fc.assert(fc.property(fc.array(entry, { minLength: 1, maxLength: 12 }), fc.nat(1), (entries, which) => {
    const list = ring.makeList(`${entries.join('\n')}\n`, authorities[which]);
    const keys = new RevokedKeys(readFileSync(list));
    for (const file of certificates) {
      const expected = ring.isRevoked(list, file);
      if (expected) revoked++;
      if (keys.has(parseSshKey(readLine(file))) !== expected) throw new Error(`${entries.join(', ')}: ${file} should be ${expected}`);
    }
  }), { numRuns: 40 });
  t.true(revoked > 40, `${revoked} were revoked`);
});

test('keys are revoked by themselves and by either hash, with every certificate for them', (t) => {
  const ring = makeKeyRing(t);
  const authority = ring.makeKey('authority');
  const [bad, good] = [ring.makeKey('bad'), ring.makeKey('good')];
  for (const key of [bad, good]) ring.certify(authority, key);
  const line = readLine(`${bad}.pub`);
  for (const specification of [`key: ${line}\n`, `sha1: ${line}\n`, `sha256: ${line}\n`]) {
    const list = ring.makeList(specification);
    const keys = new RevokedKeys(readFileSync(list));
    for (const file of [`${bad}.pub`, `${bad}-cert.pub`, `${good}.pub`, `${good}-cert.pub`]) {
      t.is(keys.has(parseSshKey(readLine(file))), ring.isRevoked(list, file), `${specification.slice(0, 8)} ${file}`);
    }
    t.true(keys.has(parseSshKey(line)));
  }
});

test('an authority that is revoked takes its certificates along', (t) => {
  const ring = makeKeyRing(t);
  const authority = ring.makeKey('authority');
  const key = ring.makeKey('key');
  const certificate = parseSshKey(ring.certify(authority, key));
  const keys = new RevokedKeys(readFileSync(ring.makeList(`key: ${readLine(`${authority}.pub`)}\n`)));
  t.true(keys.has(certificate));
  t.false(keys.has(parseSshKey(readLine(`${key}.pub`))));
});

test('a list may be public keys as text, with comments', (t) => {
  const ring = makeKeyRing(t);
  const [bad, good] = [ring.makeKey('bad'), ring.makeKey('good')];
  const list = join(ring.directory, 'text');
  writeFileSync(list, `# lost in March\n\n${readLine(`${bad}.pub`)}\n`);
  const keys = new RevokedKeys(readFileSync(list));
  t.true(keys.has(parseSshKey(readLine(`${bad}.pub`))));
  t.false(keys.has(parseSshKey(readLine(`${good}.pub`))));
});

test('an empty list revokes nothing', (t) => {
  const ring = makeKeyRing(t);
  const key = parseSshKey(readLine(`${ring.makeKey('key')}.pub`));
  t.false(new RevokedKeys(readFileSync(ring.makeList(''))).has(key));
  t.false(new RevokedKeys(Buffer.alloc(0)).has(key));
});

test('a list that is cut off anywhere is no list', (t) => {
  const ring = makeKeyRing(t);
  const authority = ring.makeKey('authority');
  const whole = readFileSync(ring.makeList(`serial: 1\nserial: 5-9\nid: alice\nkey: ${readLine(`${authority}.pub`)}\n`, authority));
  const header = 44;
  // Between two sections a shorter list is a list; nowhere else.
  let lists = 0;
  for (let length = 1; length < whole.length; length++) {
    try {
      t.false(new RevokedKeys(whole.subarray(0, length)).has({ blob: Buffer.alloc(1) }));
      lists++;
      t.true(length >= header, String(length));
    } catch (error) {
      t.true(error instanceof WardError && error.code === 'config-invalid');
    }
  }
  t.true(lists <= 2, String(lists));
});

test('what is no list is refused with a sentence', (t) => {
  t.throws(() => new RevokedKeys(Buffer.from('hello\n')), {
    instanceOf: WardError, code: 'config-invalid', message: 'The list of revoked keys is neither one that ssh-keygen -k makes nor a list of public keys.',
  });
});
