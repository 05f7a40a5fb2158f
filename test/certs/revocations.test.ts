import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import { initAuthority } from '../../certs/authority.ts';
import { fromPem, slices, toPem } from '../../certs/der.ts';
import { readRevocations } from '../../certs/revocations.ts';
import { WardError } from '../../protocol/errors.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

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
  t.is(lists.check(mallory)?.code, 'crl-missing');
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
    const started = performance.now();
    t.is(t.throws(() => readRevocations(pem, authorities), { instanceOf: WardError })?.code, 'crl-missing');
    t.true(performance.now() - started < 2_500);
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
