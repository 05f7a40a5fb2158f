import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { initAuthority, openAuthority, type Authority, type Issued } from '../../certs/authority.ts';
import { altNames } from '../../certs/altnames.ts';
import { WardError } from '../../protocol/errors.ts';
import { temporaryDirectory as temporary } from '../fixtures/temporary.ts';

const day = 86_400_000;

/** What `openssl verify -x509_strict -crl_check` says: `OK` or its first error line. */
const opensslVerdict = (ca: Authority, issued: Issued, purpose: 'sslclient' | 'sslserver'): string => {
  const file = join(ca.directory, 'leaf.pem');
  writeFileSync(file, issued.certPem);
  const { status, stdout, stderr } = spawnSync('openssl', [
    'verify', '-x509_strict', '-purpose', purpose, '-CAfile', join(ca.directory, 'ca.pem'), '-CRLfile', join(ca.directory, 'crl.pem'), '-crl_check_all', file,
  ], { encoding: 'utf8' });
  return status === 0 && stdout.endsWith(': OK\n') ? 'OK' : (/error \d+ at .*/.exec(stderr)?.[0] ?? stderr);
};

const refused = async (t: ExecutionContext, action: () => Promise<unknown>, message: RegExp): Promise<void> => {
  const error = await t.throwsAsync(action, { instanceOf: WardError, message });
  t.is(error?.code, 'certs-refused');
};

test('openssl accepts servers and users of a CA, and the list, and refuses whom the list names', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  const server = await ca.issueServer(['localhost', '127.0.0.1', '::1', 'ward1.test']);
  const user = await ca.issueUser('alice.smith');
  t.is(opensslVerdict(ca, server, 'sslserver'), 'OK');
  t.is(opensslVerdict(ca, user, 'sslclient'), 'OK');
  t.regex(opensslVerdict(ca, user, 'sslserver'), /unsuitable certificate purpose/);
  t.is(opensslVerdict(ca, server, 'sslclient'), 'OK', 'of the other servers');
  await ca.revoke(user.serial, 'keyCompromise');
  await ca.writeCrl();
  t.regex(opensslVerdict(ca, user, 'sslclient'), /certificate revoked/);
  t.is(opensslVerdict(ca, server, 'sslserver'), 'OK');
});

test('openssl accepts a hundred revocations in one list', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  const users = [];
  for (let index = 0; index < 100; index += 1) users.push(await ca.issueUser(`user${index}`));
  for (const user of users.slice(1)) await ca.revoke(user.serial, 'superseded');
  await ca.writeCrl();
  t.is(opensslVerdict(ca, users[0] as Issued, 'sslclient'), 'OK');
  t.regex(opensslVerdict(ca, users[57] as Issued, 'sslclient'), /certificate revoked/);
  const text = execFileSync('openssl', ['crl', '-in', join(ca.directory, 'crl.pem'), '-noout', '-text'], { encoding: 'utf8' });
  t.is(text.match(/Serial Number:/g)?.length, 99);
  t.is(text.match(/Superseded/g)?.length, 99);
});

test('the list number grows by one with each list', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  for (let number = 2; number < 5; number += 1) {
    await ca.writeCrl();
    t.regex(execFileSync('openssl', ['crl', '-in', join(ca.directory, 'crl.pem'), '-noout', '-crlnumber'], { encoding: 'utf8' }), new RegExp(`=0x0?${number}\\n`));
  }
});

test('names are in the certificate exactly as they were given', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { passphrase: 'x' });
  const names = async (options: object): Promise<unknown> => altNames(new X509Certificate((await ca.issueUser('alice', options)).certPem));
  t.deepEqual(await names({}), [{ kind: 'uri', value: 'wardcc-user:alice' }]);
  t.deepEqual(await names({ upns: ['alice@CORP.EXAMPLE'] }), [{ kind: 'upn', value: 'alice@CORP.EXAMPLE' }]);
  t.deepEqual(await names({ uris: ['spiffe://corp.example/alice'], emails: ['alice@corp.example'] }),
    [{ kind: 'uri', value: 'spiffe://corp.example/alice' }, { kind: 'email', value: 'alice@corp.example' }]);
  const server = await ca.issueServer(['build.corp.example', '10.1.2.3', 'fd00::1:2']);
  t.deepEqual(altNames(new X509Certificate(server.certPem)), [
    { kind: 'dns', value: 'build.corp.example' }, { kind: 'uri', value: 'wardcc-server:build.corp.example' },
    { kind: 'ip', value: '10.1.2.3' }, { kind: 'uri', value: 'wardcc-server:10.1.2.3' },
    { kind: 'ip', value: 'fd00:0:0:0:0:0:1:2' }, { kind: 'uri', value: 'wardcc-server:fd00::1:2' },
  ]);
  t.true(new X509Certificate(server.certPem).checkIP('fd00::1:2') !== undefined);
});

test('serial numbers are random, positive and 128 bits long', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  const serials = new Set<string>();
  for (let index = 0; index < 30; index += 1) {
    const { serial, certPem } = await ca.issueUser('alice');
    t.regex(serial, /^[4-7][0-9a-f]{31}$/);
    t.is(new X509Certificate(certPem).serialNumber.toLowerCase(), serial);
    serials.add(serial);
  }
  t.is(serials.size, 30);
});

test('the key of a CA is encrypted, with modes that keep others out', async (t) => {
  const directory = join(await temporary(t), 'ca');
  await initAuthority(directory, { name: 'Corp farm CA', passphrase: 'correct horse' });
  t.is(statSync(directory).mode & 0o777, 0o700);
  t.is(statSync(join(directory, 'ca.key')).mode & 0o777, 0o600);
  t.is(statSync(join(directory, 'index.jsonl')).mode & 0o777, 0o600);
  t.true(readFileSync(join(directory, 'ca.key'), 'utf8').startsWith('-----BEGIN ENCRYPTED PRIVATE KEY-----'));
  t.is(spawnSync('openssl', ['pkey', '-in', join(directory, 'ca.key'), '-passin', 'pass:correct horse', '-noout']).status, 0);
  t.not(spawnSync('openssl', ['pkey', '-in', join(directory, 'ca.key'), '-passin', 'pass:wrong', '-noout']).status, 0);
  await refused(t, () => openAuthority(directory), /is encrypted and no passphrase was given/);
  await refused(t, () => openAuthority(directory, 'wrong'), /passphrase does not open/);
  const opened = await openAuthority(directory, 'correct horse');
  t.is(opensslVerdict(opened, await opened.issueUser('alice'), 'sslclient'), 'OK');
  t.is(new X509Certificate(opened.caPem).subject, 'CN=Corp farm CA');
  await refused(t, () => initAuthority(join(directory, 'x'), {}), /give a passphrase/);
});

test('a CA is never put over something that is there', async (t) => {
  const directory = await temporary(t);
  const used = join(directory, 'used');
  mkdirSync(used);
  writeFileSync(join(used, 'a'), '');
  await refused(t, () => initAuthority(used, { dev: true }), /is not empty/);
  const open = join(directory, 'open');
  mkdirSync(open, { mode: 0o755 });
  await refused(t, () => initAuthority(open, { dev: true }), /mode 0700/);
  writeFileSync(join(directory, 'file'), '');
  await refused(t, () => initAuthority(join(directory, 'file'), { dev: true }), /is not a directory/);
  await refused(t, () => openAuthority(directory), /holds no CA/);
});

test('name constraints are refused by the CA itself, and openssl enforces them too', async (t) => {
  const directory = await temporary(t);
  const ca = await initAuthority(join(directory, 'ca'), { passphrase: 'x', permit: { dns: ['corp.example'], email: ['corp.example'], uri: ['.corp.example', 'corp.example'] } });
  t.is(opensslVerdict(ca, await ca.issueServer(['a.b.corp.example']), 'sslserver'), 'OK');
  t.is(opensslVerdict(ca, await ca.issueUser('alice.smith', { emails: ['alice@corp.example'] }), 'sslclient'), 'OK');
  t.is(opensslVerdict(ca, await ca.issueUser('alice', { uris: ['spiffe://corp.example/alice'] }), 'sslclient'), 'OK');
  await refused(t, () => ca.issueServer(['evilcorp.example']), /do not permit the DNS name evilcorp\.example/);
  await refused(t, () => ca.issueUser('alice', { emails: ['alice@sub.corp.example'] }), /do not permit the e-mail address/);
  await refused(t, () => ca.issueUser('alice', { uris: ['spiffe://other.example/alice'] }), /do not permit the URI/);
  await refused(t, () => ca.issueUser('alice'), /constrains URIs/);
  await refused(t, () => ca.issueServer(['a.corp.example', '10.9.8.7']), /do not permit the URI wardcc-server:\/\/10\.9\.8\.7/);
  t.deepEqual(altNames(new X509Certificate((await ca.issueServer(['a.corp.example'])).certPem)).at(-1), { kind: 'uri', value: 'wardcc-server://a.corp.example' });
});

test('addresses can be constrained to networks of both kinds', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true, permit: { ip: ['10.16.0.0/12', 'fd00:1::/32'] } });
  t.is(opensslVerdict(ca, await ca.issueServer(['10.31.255.255', 'fd00:1:ffff::1', 'any.example']), 'sslserver'), 'OK');
  await refused(t, () => ca.issueServer(['10.32.0.0']), /do not permit the IP address/);
  await refused(t, () => ca.issueServer(['fd00:2::1']), /do not permit the IP address/);
});

test('constraints that make no sense are refused', async (t) => {
  const directory = join(await temporary(t), 'ca');
  for (const permit of [{ dns: ['.corp.example'] }, { dns: [''] }, { uri: ['https://x'] }, { email: ['a@'] }, { ip: ['10.0.0.0'] }, { ip: ['10.0.0.0/33'] }, { ip: ['x/8'] }]) {
    await refused(t, () => initAuthority(directory, { dev: true, permit }), / is no /);
  }
});

test('a throwaway CA is good for this machine only', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  await refused(t, () => ca.issueServer(['www.example.com']), /do not permit the DNS name/);
  await refused(t, () => ca.issueServer(['192.0.2.1']), /do not permit the IP address/);
});

const badNames: [string, (ca: Authority) => Promise<unknown>, RegExp][] = [
  ['no server name', (ca) => ca.issueServer([]), /at least one name/],
  ['a server name with a space', (ca) => ca.issueServer(['a b.test']), /neither a host name nor an IP address/],
  ['a server name with NUL', (ca) => ca.issueServer(['a\0.test']), /neither a host name/],
  ['a wildcard', (ca) => ca.issueServer(['*.test']), /neither a host name/],
  ['an empty user', (ca) => ca.issueUser(''), /not a user name/],
  ['a user with a newline', (ca) => ca.issueUser('alice\n'), /not a user name/],
  ['a user that starts with a dash', (ca) => ca.issueUser('-alice'), /not a user name/],
  ['a relative URI', (ca) => ca.issueUser('alice', { uris: ['alice'] }), /not an absolute URI/],
  ['an address without a domain', (ca) => ca.issueUser('alice', { emails: ['alice'] }), /not an e-mail address/],
  ['a UPN with two @', (ca) => ca.issueUser('alice', { upns: ['a@b@c'] }), /not a user principal name/],
  ['a user who wants to be a server', (ca) => ca.issueUser('alice', { uris: ['WARDCC-server:localhost'] }), /marker of a server/],
];

test('names that make no sense are refused before anything is signed', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  for (const [, action, message] of badNames) await refused(t, () => action(ca), message);
  t.deepEqual(ca.list(), []);
});

test('a signing request gives its key and nothing else', async (t) => {
  const directory = await temporary(t);
  const ca = await initAuthority(join(directory, 'ca'), { dev: true });
  const request = (args: string[]): string => {
    const file = join(directory, 'csr.pem');
    execFileSync('openssl', ['req', '-new', '-nodes', '-keyout', join(directory, 'k'), '-out', file, '-subj', '/CN=root', '-addext', 'subjectAltName=DNS:evil.test', ...args], { stdio: 'ignore' });
    return readFileSync(file, 'utf8');
  };
  for (const args of [['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], ['-newkey', 'rsa:2048'], ['-newkey', 'ed25519']]) {
    const issued = await ca.signRequest(request(args), { user: 'alice' });
    t.is(opensslVerdict(ca, issued, 'sslclient'), 'OK', args.join(' '));
    t.deepEqual(altNames(new X509Certificate(issued.certPem)), [{ kind: 'uri', value: 'wardcc-user:alice' }]);
  }
  await refused(t, () => ca.signRequest(request(['-newkey', 'rsa:1024']), { user: 'alice' }), /too weak/);
  await refused(t, () => ca.signRequest('hello', { user: 'alice' }), /not a certificate signing request/);
  const good = request(['-newkey', 'ed25519']);
  const der = Buffer.from(good.replaceAll(/-----.*-----|\n/g, ''), 'base64');
  // Every single changed byte must be noticed: by the parser, by the key check, or by the signature.
  for (let index = 0; index < der.length; index += 1) {
    const changed = Buffer.from(der);
    changed[index] = (changed[index] ?? 0) ^ 0x01;
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${changed.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    await refused(t, () => ca.signRequest(pem, { user: 'alice' }), /malformed|too weak|not accepted here|not signed by the key/);
  }
});

test('what a CA has issued is listed with its state', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  const server = await ca.issueServer(['localhost']);
  const alice = await ca.issueUser('alice', { notAfter: new Date(Date.now() - day) });
  const bob = await ca.issueUser('bob');
  await ca.revoke(new X509Certificate(bob.certPem), 'privilegeWithdrawn');
  const list = ca.list();
  t.deepEqual(list.map(({ serial, kind, name, status, reason }) => [serial, kind, name, status, reason]), [
    [server.serial, 'server', 'localhost', 'valid', undefined],
    [alice.serial, 'user', 'alice', 'expired', undefined],
    [bob.serial, 'user', 'bob', 'revoked', 'privilegeWithdrawn'],
  ]);
  t.is(list[0]?.fingerprint, new X509Certificate(server.certPem).fingerprint256.replaceAll(':', '').toLowerCase());
});

test('revoking what is unknown, revoked already or somebody else\'s is refused', async (t) => {
  const directory = await temporary(t);
  const ca = await initAuthority(join(directory, 'ca'), { dev: true });
  const other = await initAuthority(join(directory, 'other'), { dev: true });
  const { certPem } = await other.issueUser('alice');
  await refused(t, () => ca.revoke(new X509Certificate(certPem)), /not issued by this CA/);
  await refused(t, () => ca.revoke('00'), /no certificate with serial number 00/);
  const { serial } = await ca.issueUser('bob');
  await ca.revoke((serial.toUpperCase().match(/../g) ?? []).join(':'));
  await refused(t, () => ca.revoke(serial), /was revoked already/);
});

test('nothing outlives the CA', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true, days: 10 });
  const end = Date.parse(new X509Certificate(ca.caPem).validTo);
  t.is((await ca.issueUser('alice', { days: 365 })).notAfter.getTime(), end);
});

test('many issuers at once lose no record and leave no temporary file', async (t) => {
  const directory = join(await temporary(t), 'ca');
  await initAuthority(directory, { dev: true });
  await Promise.all(Array.from({ length: 24 }, async (_, index) => (await openAuthority(directory)).issueUser(`user${index}`)));
  t.is((await openAuthority(directory)).list().length, 24);
  t.deepEqual(readdirSync(directory).sort(), ['ca.json', 'ca.key', 'ca.pem', 'crl.pem', 'index.jsonl']);
});

test('a lock whose process has died is taken over', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  writeFileSync(join(ca.directory, '.lock'), '999999999');
  await ca.issueUser('alice');
  t.is(ca.list().length, 1);
});

test('a damaged index is refused with its line', async (t) => {
  const ca = await initAuthority(join(await temporary(t), 'ca'), { dev: true });
  await ca.issueUser('alice');
  const path = join(ca.directory, 'index.jsonl');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, `${text}{"type":"issued"}\n`);
  await refused(t, async () => ca.list(), /index\.jsonl:3 is not a record/);
  writeFileSync(path, text.slice(0, -5));
  await refused(t, async () => ca.list(), /is cut off/);
});
