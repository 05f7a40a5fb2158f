import { execFileSync } from 'node:child_process';
import { createPrivateKey, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { initAuthority, type Authority } from '../../certs/authority.ts';
import { signCertificate, signCrl, type Signer } from '../../certs/certificate.ts';
import {
  bits, boolean, decode, encode, explicit, fields, fromPem, implicit, implicitList, integer, items, octets, oid, sequence, slices, time, toPem, utf8, type Der,
} from '../../certs/der.ts';
import { basicConstraintsCa, keyUsageCa } from '../../certs/extensions.ts';
import { generateKey, plainKeyPem } from '../../certs/keys.ts';
import { readRevocations } from '../../certs/revocations.ts';
import { WardError } from '../../protocol/errors.ts';
import { cpuMs } from '../fixtures/cpu-time.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { oddCertificate, type Holder } from './tls-pair.ts';

const hour = 3_600_000;

test('a certificate is looked up in the list of its own CA', async (t) => {
  const directory = await temporaryDirectory(t);
  const ca = await initAuthority(join(directory, 'ca'), { dev: true });
  const partner = await initAuthority(join(directory, 'partner'), { dev: true, name: 'Partner CA' });
  const stranger = await initAuthority(join(directory, 'stranger'), { dev: true, name: 'Stranger CA' });
  const cert = async (authority: typeof ca, options = {}): Promise<X509Certificate> => new X509Certificate((await authority.issueUser('alice', options)).certPem);
  const [alice, bob, carol, mallory] = [await cert(ca), await cert(ca), await cert(partner), await cert(stranger)];
  const late = await cert(ca, { notAfter: new Date(Date.now() - hour) });
  await ca.revoke(bob);
  const authorities = [ca, partner].map(({ caPem }) => new X509Certificate(caPem));
  const lists = readRevocations(await ca.writeCrl() + await partner.writeCrl(), authorities);
  t.is(lists.check(alice), undefined);
  t.is(lists.check(carol), undefined);
  t.is(lists.check(bob)?.code, 'certificate-revoked');
  t.is(lists.check(mallory)?.code, 'certificate-invalid');
  t.is(lists.check(late)?.code, 'certificate-expired');
  const old = readRevocations(await ca.writeCrl({ notBefore: new Date(Date.now() - 2 * hour), notAfter: new Date(Date.now() - hour) }), authorities);
  t.is(old.check(alice)?.code, 'crl-expired');
  t.is(old.check(bob)?.code, 'certificate-revoked');
  t.true(old.nextUpdate < Date.now());
});

test('of two lists of one CA the newer counts, in whichever order they stand', async (t) => {
  const ca = await initAuthority(join(await temporaryDirectory(t), 'ca'), { dev: true });
  const authorities = [new X509Certificate(ca.caPem)];
  const { serial, certPem } = await ca.issueUser('alice');
  const before = await ca.writeCrl({ notBefore: new Date(Date.now() - hour) });
  await ca.revoke(serial);
  const after = await ca.writeCrl();
  for (const pem of [before + after, after + before]) t.is(readRevocations(pem, authorities).check(new X509Certificate(certPem))?.code, 'certificate-revoked');
});

test('a list that nobody signed is not looked into, however large it is', async (t) => {
  const ca = await initAuthority(join(await temporaryDirectory(t), 'ca'), { dev: true });
  const authorities = [new X509Certificate(ca.caPem)];
  const [real = Buffer.alloc(0)] = fromPem(await ca.writeCrl(), 'X509 CRL');
  const [, algorithm = Buffer.alloc(0), signature = Buffer.alloc(0)] = slices(real, 3);
  const value = (bytes: Buffer): Buffer => {
    const head = Buffer.from([0x30, 0x84, 0, 0, 0, 0]);
    head.writeUInt32BE(bytes.length, 2);
    return Buffer.concat([head, bytes]);
  };
  const many = Buffer.alloc(30 * 2 ** 20, Buffer.from([5, 0]));
  for (const parts of [[value(many), algorithm, signature], [many], [value(Buffer.alloc(0)), value(many), signature]]) {
    const pem = toPem('X509 CRL', value(Buffer.concat(parts)));
    const started = cpuMs();
    t.is(t.throws(() => readRevocations(pem, authorities), { instanceOf: WardError })?.code, 'crl-missing');
    t.true(cpuMs() - started < 5_000);
  }
});

test('a list with any byte changed, without a list, or of another CA is refused', async (t) => {
  const directory = await temporaryDirectory(t);
  const ca = await initAuthority(join(directory, 'ca'), { dev: true });
  const other = await initAuthority(join(directory, 'other'), { dev: true });
  const authorities = [new X509Certificate(ca.caPem)];
  await ca.revoke((await ca.issueUser('alice')).serial, 'keyCompromise');
  const pem = await ca.writeCrl();
  const [der = Buffer.alloc(0)] = fromPem(pem, 'X509 CRL');
  const attempts = [...der.keys()].map((index) => {
    const changed = Buffer.from(der);
    changed[index] = (changed[index] ?? 0) ^ 0x10;
    return toPem('X509 CRL', changed);
  });
  for (const text of [...attempts, '', 'hello', ca.caPem, await other.writeCrl()]) {
    const error = t.throws(() => readRevocations(text, authorities), { instanceOf: WardError });
    t.is(error?.code, 'crl-missing');
  }
  t.log(`${attempts.length} changed lists refused`);
});

/** A list that says something else, signed by its CA. */
const rewritten = (pem: string, key: KeyObject, change: (parts: Der[]) => Der[]): string => {
  const [der = Buffer.alloc(0)] = fromPem(pem, 'X509 CRL');
  const [body, algorithm = sequence()] = fields(decode(der));
  const tbs = sequence(...change(fields(body)));
  return toPem('X509 CRL', encode(sequence(tbs, algorithm, bits(sign('sha256', encode(tbs), key)))));
};
/** A list with further extensions, signed by its CA. */
const extended = (pem: string, key: KeyObject, ...more: Der[]): string =>
  rewritten(pem, key, (parts) => [...parts.slice(0, -1), explicit(0, sequence(...fields(items(parts.at(-1))[0]), ...more))]);
const critical = (id: string, value: Der): Der => sequence(oid(id), boolean(true), octets(encode(value)));
const plain = (id: string, value: Der): Der => sequence(oid(id), octets(encode(value)));
const yes = Buffer.from([0xff]);
const keyOf = (ca: Authority): KeyObject => createPrivateKey(readFileSync(join(ca.directory, 'ca.key'), 'utf8'));
const signerOf = (name: string, { certPem, keyPem }: Holder): Signer =>
  ({ name, spki: new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' }), key: createPrivateKey(keyPem) });
const listOf = (signer: Signer, ...revoked: X509Certificate[]): string => signCrl({
  number: 9, thisUpdate: new Date(Date.now() - 60_000), nextUpdate: new Date(Date.now() + hour),
  revoked: revoked.map(({ serialNumber }) => ({ serial: serialNumber, at: new Date(), reason: 'unspecified' })),
}, signer);

test('a list that is a piece of one, or has a meaning that is not known, is refused with the reason', async (t) => {
  const ca = await initAuthority(join(await temporaryDirectory(t), 'ca'), { dev: true });
  const authorities = [new X509Certificate(ca.caPem)];
  const before = await ca.writeCrl({ notBefore: new Date(Date.now() - hour) });
  const whole = await ca.writeCrl();
  const rows: [Der, RegExp][] = [
    [critical('2.5.29.27', integer(1)), /^A revocation list says only what changed since another \(delta\): install the whole list of the CA\.$/],
    [plain('2.5.29.27', integer(1)), /what changed since another \(delta\)/],
    [critical('1.2.3.4', integer(1)), /^A revocation list has a critical extension that is not known here: install the whole list of the CA\.$/],
    [critical('2.5.29.28', sequence(implicit(3, Buffer.from([1, 0x40])))), /^A revocation list is about some reasons only, about attributes, or about certificates of several CAs: /],
    [critical('2.5.29.28', sequence(implicit(4, yes))), /about certificates of several CAs/],
    [critical('2.5.29.28', sequence(implicit(5, yes))), /about attributes/],
    [critical('2.5.29.28', sequence(implicitList(0, [implicitList(1, [])]))), /^A revocation list is about a point whose name is not written whole: /],
  ];
  for (const [extension, message] of rows) {
    const list = extended(whole, keyOf(ca), extension);
    for (const pem of [list, before + list]) t.throws(() => readRevocations(pem, authorities), { instanceOf: WardError, code: 'crl-missing', message });
  }
  t.notThrows(() => readRevocations(extended(whole, keyOf(ca), plain('1.2.3.4', integer(1))), authorities));
});

test('a list whose entries are no entries is malformed, whoever signed it', async (t) => {
  const ca = await initAuthority(join(await temporaryDirectory(t), 'ca'), { dev: true });
  const authorities = [new X509Certificate(ca.caPem)];
  const whole = await ca.writeCrl();
  const withEntries = (...entries: Der[]): string => rewritten(whole, keyOf(ca), (parts) => [...parts.slice(0, -1), sequence(...entries), parts.at(-1)!]);
  const good = sequence(integer(7), time(new Date()));
  t.notThrows(() => readRevocations(withEntries(good, good), authorities));
  for (const entry of [integer(7), sequence(), sequence(utf8('7')), sequence(time(new Date()), integer(7)), sequence(sequence(integer(7)))]) {
    t.throws(() => readRevocations(withEntries(good, entry), authorities), { instanceOf: WardError, code: 'crl-missing', message: 'A revocation list is malformed.' });
  }
});

test('lists of parts of a CA each count for what they are about', async (t) => {
  const ca = await initAuthority(join(await temporaryDirectory(t), 'ca'), { dev: true });
  const authorities = [new X509Certificate(ca.caPem)];
  const point = (name: string): Der => implicitList(0, [implicitList(0, [implicit(6, Buffer.from(name))])]);
  const at = (name: string): X509Certificate => new X509Certificate(oddCertificate(ca, { extensions: [plain('2.5.29.31', sequence(sequence(point(name))))] }).certPem);
  const [alice, bob, carol] = [at('http://ca.test/1'), at('http://ca.test/2'), at('http://ca.test/3')];
  const signer = signerOf('wardcc CA', { certPem: ca.caPem, keyPem: readFileSync(join(ca.directory, 'ca.key'), 'utf8') });
  const part = (pem: string, ...what: Der[]): string => extended(pem, signer.key, critical('2.5.29.28', sequence(...what)));
  const relative = oddCertificate(ca, { extensions: [plain('2.5.29.31', sequence(sequence(implicitList(0, [implicitList(1, [])]))))] });
  const dora = new X509Certificate(relative.certPem);
  const own = part(listOf(signer), implicit(2, yes));
  const points = readRevocations(own + part(listOf(signer), point('http://ca.test/1')) + part(listOf(signer, bob), point('http://ca.test/2')), authorities);
  t.deepEqual([alice, bob, carol, dora].map((one) => points.check(one)?.code), [undefined, 'certificate-revoked', 'crl-missing', 'crl-missing']);
  const users = readRevocations(part(listOf(signer, bob), implicit(1, yes)) + own, authorities);
  t.deepEqual([alice, bob].map((one) => users.check(one)?.code), [undefined, 'certificate-revoked']);
  t.is(readRevocations(own, authorities).check(alice)?.code, 'crl-missing');
});

test('a CA of the same name with another key has lists of its own', async (t) => {
  const directory = await temporaryDirectory(t);
  const [old, renewed] = [await initAuthority(join(directory, 'old'), { dev: true }), await initAuthority(join(directory, 'new'), { dev: true })];
  const cert = async (ca: Authority): Promise<X509Certificate> => new X509Certificate((await ca.issueUser('alice')).certPem);
  const [alice, bob] = [await cert(old), await cert(renewed)];
  await old.revoke(alice);
  const authorities = [old, renewed].map(({ caPem }) => new X509Certificate(caPem));
  const lists = await old.writeCrl({ notBefore: new Date(Date.now() - 60_000) }) + await renewed.writeCrl();
  const both = readRevocations(lists, authorities);
  t.deepEqual([alice, bob].map((one) => both.check(one)?.code), ['certificate-revoked', undefined]);
  t.like(readRevocations(await renewed.writeCrl(), authorities.slice(1)).check(alice), {
    class: 'authentication', code: 'certificate-invalid', message: 'Your certificate was not issued by a CA that this server trusts; check that it is the one for this farm.',
  });
});

test('what becomes of a CA becomes of the certificates below it', async (t) => {
  const directory = await temporaryDirectory(t);
  const ca = await initAuthority(join(directory, 'ca'), { dev: true });
  const below = { ...oddCertificate(ca, { ca: true, usage: [], subject: 'Below CA' }), name: 'Below CA' };
  const alice = new X509Certificate(oddCertificate(ca, { issuer: below }).certPem);
  const authorities = [ca.caPem, below.certPem].map((pem) => new X509Certificate(pem));
  const list = listOf(signerOf('Below CA', below));
  t.is(readRevocations(list + await ca.writeCrl(), authorities).check(alice), undefined);
  t.is(readRevocations(list, authorities).check(alice)?.code, 'crl-missing');
  const root = signerOf('wardcc CA', { certPem: ca.caPem, keyPem: readFileSync(join(ca.directory, 'ca.key'), 'utf8') });
  t.like(readRevocations(list + listOf(root, authorities[1]!), authorities).check(alice), {
    class: 'authentication', code: 'certificate-revoked', message: 'Your certificate was revoked; ask the administrator why, and for a new one.',
  });
  const [notBefore, notAfter] = [new Date(Date.now() - 2 * hour), new Date(Date.now() - hour)];
  const { key, spki } = generateKey();
  const self = { name: 'Ended CA', spki, key };
  const certPem = signCertificate({ serial: Buffer.from([1]), subject: self.name, notBefore, notAfter, spki, extensions: [basicConstraintsCa(), keyUsageCa()] }, self);
  const bob = new X509Certificate(oddCertificate(ca, { issuer: { certPem, keyPem: plainKeyPem(key), name: self.name } }).certPem);
  t.is(readRevocations(listOf(self), [new X509Certificate(certPem)]).check(bob)?.code, 'certificate-expired');
});

test('a serial number is found whatever it is', async (t) => {
  const ca = await initAuthority(join(await temporaryDirectory(t), 'ca'), { dev: true });
  const signer = signerOf('wardcc CA', { certPem: ca.caPem, keyPem: readFileSync(join(ca.directory, 'ca.key'), 'utf8') });
  const { spki } = generateKey();
  const [notBefore, notAfter] = [new Date(), new Date(Date.now() + hour)];
  for (const serial of ['00', '7f', '80', 'ff', '80000001']) {
    // The bytes as they are: one that begins with a bit set is negative, as some CAs made them.
    const plainly = (pem: string, label: string, at: (tbs: Der[]) => Der): string => {
      const [der = Buffer.alloc(0)] = fromPem(pem, label);
      const [tbs, algorithm = sequence()] = fields(decode(der));
      at(fields(tbs)).value = Buffer.from(serial, 'hex').toString('latin1');
      const body = encode(tbs!);
      return toPem(label, encode(sequence(decode(body), algorithm, bits(sign('sha256', body, signer.key)))));
    };
    const alice = new X509Certificate(plainly(signCertificate({ serial: Buffer.from([1]), subject: 'a', notBefore, notAfter, spki, extensions: [] }, signer), 'CERTIFICATE', (tbs) => tbs[1]!));
    const list = plainly(listOf(signer, alice), 'X509 CRL', (tbs) => fields(fields(tbs[5])[0])[0]!);
    t.is(readRevocations(list, [new X509Certificate(ca.caPem)]).check(alice)?.code, 'certificate-revoked', serial);
  }
});

test('lists are read however a CA signs them, unless that is too weak or unknown', async (t) => {
  const directory = await temporaryDirectory(t);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  writeFileSync(join(directory, 'ca.cnf'), '[ca]\ndefault_ca = x\n[x]\ndatabase = index\nunique_subject = no\ndefault_crl_days = 3\n');
  writeFileSync(join(directory, 'index'), '');
  const rsa = ['rsa', '-pkeyopt', 'rsa_keygen_bits:2048'];
  const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:'];
  const rows: [key: string[], signing: string[]][] = [
    [rsa, ['-md', 'sha256']], [rsa, ['-md', 'sha512', ...pss.slice(0, 3), `${pss[3]}digest`]], [rsa, ['-md', 'sha256', ...pss.slice(0, 3), `${pss[3]}20`]],
    [['rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048'], ['-md', 'sha384', ...pss.slice(0, 3), `${pss[3]}digest`]],
    [['ed25519'], []], [['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], ['-md', 'sha384']],
  ];
  const listOfKey = (key: string[], signing: string[]): [string, X509Certificate[]] => {
    openssl('req', '-x509', '-newkey', ...key, '-nodes', '-keyout', 'key.pem', '-out', 'cert.pem', '-subj', '/CN=Some CA', '-days', '3');
    openssl('ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'key.pem', '-cert', 'cert.pem', '-out', 'crl.pem', ...signing);
    return [readFileSync(join(directory, 'crl.pem'), 'utf8'), [new X509Certificate(readFileSync(join(directory, 'cert.pem')))]];
  };
  for (const [key, signing] of rows) t.notThrows(() => readRevocations(...listOfKey(key, signing)), [...key, ...signing].join(' '));
  t.throws(() => readRevocations(...listOfKey(['ed448'], [])), { instanceOf: WardError, code: 'crl-missing', message: /is signed in a way that is not accepted/ });
  for (const signing of [['-md', 'sha1'], ['-md', 'sha1', ...pss.slice(0, 3), `${pss[3]}digest`]]) {
    t.like(t.throws(() => readRevocations(...listOfKey(rsa, signing)), { instanceOf: WardError, code: 'crl-missing' }), {
      class: 'authentication',
      message: 'A revocation list is signed in a way that is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512, and Ed25519 are.',
    });
  }
});
