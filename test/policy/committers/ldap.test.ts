import { chmodSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { initAuthority } from '../../../certs/authority.ts';
import { parseUrl } from '../../../policy/committers/ldap/connection.ts';
import { ldapReader, type LdapOptions } from '../../../policy/committers/ldap/reader.ts';
import { readAnswer } from '../../../policy/committers/ldap/start-tls.ts';
import type { Membership } from '../../../policy/committers/source.ts';
import { checkPolicyText, loadPolicy } from '../../../policy/load.ts';
import { WardError } from '../../../protocol/errors.ts';
import { group, person, reader, startSlapd, suffix, type Slapd } from '../../fixtures/slapd.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const people = `ou=people,${suffix}`;
const groupNamed = (name: string): string => `cn=${name},ou=groups,${suffix}`;

const options = (slapd: Slapd, changes: Partial<LdapOptions> = {}): LdapOptions => ({
  url: slapd.ldaps, ca: slapd.ca, bind: { dn: reader.dn, passwordFile: slapd.passwordFile }, group: groupNamed('committers'), ...changes,
});
const read = (slapd: Slapd, changes: Partial<LdapOptions> = {}): Promise<Membership> => ldapReader(options(slapd, changes)).read();
const refused = async (t: ExecutionContext, reading: Promise<unknown>, message: RegExp): Promise<void> => {
  const error = await t.throwsAsync(reading, { instanceOf: WardError });
  t.true(error.code === 'policy-unavailable' || error.code === 'config-invalid');
  t.regex(error.message, message);
};

const corp = [
  person('alice', 'title: engineer'), person('bob', 'title: locked'), person('carol'), person('Dave'),
  group('committers', 'alice', 'bob'),
  group('inner', 'carol', groupNamed('outer')), group('outer', 'alice', groupNamed('inner'), `uid=gone,${people}`),
  group('mixed', 'Dave'),
  `dn: cn=unix,ou=groups,${suffix}\nobjectClass: posixGroup\ncn: unix\ngidNumber: 100\nmemberUid: alice\nmemberUid: eve\n`,
].join('\n');

test('a group is read over ldaps and StartTLS, by password and by certificate', async (t) => {
  const slapd = await startSlapd(t, corp);
  const certificate = await slapd.authority.issueUser('wardcc');
  const files = { cert: join(slapd.directory, 'client.pem'), key: join(slapd.directory, 'client.key') };
  writeFileSync(files.cert, certificate.certPem);
  writeFileSync(files.key, certificate.keyPem, { mode: 0o600 });
  for (const url of [slapd.ldaps, slapd.ldap]) {
    for (const bind of [{ dn: reader.dn, passwordFile: slapd.passwordFile }, files]) {
      const membership = await read(slapd, { url, bind });
      t.deepEqual(membership.names, ['alice', 'bob'], `${url} ${JSON.stringify(bind)}`);
      t.deepEqual(['alice', 'Alice', 'carol', ''].map((name) => membership.has(name)), [true, false, false, false]);
      t.is(membership.order, undefined);
    }
  }
});

test('members are entries, names, or whoever says to be a member; groups in groups count if the policy says so', async (t) => {
  const slapd = await startSlapd(t, corp);
  const names = async (changes: Partial<LdapOptions>): Promise<readonly string[] | undefined> => (await read(slapd, changes)).names;
  t.deepEqual(await names({ group: groupNamed('unix'), members: 'memberUid' }), ['alice', 'eve']);
  t.deepEqual(await names({ members: 'memberOf', people }), ['alice', 'bob']);
  t.deepEqual(await names({ members: 'memberOf', people, filter: '(!(title=locked))' }), ['alice']);
  t.deepEqual(await names({ filter: '(!(title=locked))' }), ['alice']);
  t.deepEqual(await names({ name: 'cn' }), ['alice', 'bob']);
  t.deepEqual(await names({ group: groupNamed('outer') }), ['alice']);
  t.deepEqual(await names({ group: groupNamed('outer'), nested: true }), ['alice', 'carol']);
  t.deepEqual(await names({ group: groupNamed('inner'), nested: true }), ['alice', 'carol']);
  t.deepEqual(await names({ group: groupNamed('mixed') }), ['Dave']);
  const folded = await read(slapd, { group: groupNamed('mixed'), lowerCase: true });
  t.deepEqual([folded.has('dave'), folded.has('Dave')], [true, false]);
});

test('escapes in a filter are bytes of UTF-8, as the directory has them', async (t) => {
  const title = `title:: ${Buffer.from('Außendienst').toString('base64')}`;
  const slapd = await startSlapd(t, [person('alice'), person('bob', title), group('committers', 'alice', 'bob')].join('\n'));
  for (const changes of [{}, { members: 'memberOf', people } as const]) {
    for (const filter of ['(!(title=Außendienst))', '(!(title=Au\\c3\\9Fendienst))', '(!(title=*\\C3\\9f*))', '(!(title:=Au\\c3\\9fendienst))']) {
      t.deepEqual((await read(slapd, { ...changes, filter })).names, ['alice'], filter);
    }
  }
  await refused(t, read(slapd, { filter: '(!(title=Au\\dfendienst))' }), /: the filter has \\df, which is no UTF-8$/);
});

test('a directory with more people than it gives at once is read in pages', async (t) => {
  const many = Array.from({ length: 260 }, (_, index) => `p${String(index).padStart(3, '0')}`);
  const slapd = await startSlapd(t, [...many.map((uid) => person(uid)), group('committers', ...many)].join('\n'));
  t.deepEqual((await read(slapd, { members: 'memberOf', people })).names, many);
  t.deepEqual((await read(slapd)).names, many);
});

test('an answer that is not whole is an error, never a smaller group', async (t) => {
  const slapd = await startSlapd(t, [corp,
    `dn: cn=nameless,${people}\nobjectClass: device\ncn: nameless\n`, group('with-nameless', 'alice', `cn=nameless,${people}`),
    person('frank', 'uid: francis'), group('with-two', 'frank'),
    person('grace', `employeeType:: ${Buffer.from('gr\u0007ace').toString('base64')}`), group('with-bell', 'grace'),
    `dn: cn=secret,ou=hidden,${suffix}\nobjectClass: posixGroup\ncn: secret\ngidNumber: 101\nmemberUid: alice\n`,
  ].join('\n'));
  await refused(t, read(slapd, { group: groupNamed('with-nameless') }), /cn=nameless,.* has no uid/);
  await refused(t, read(slapd, { group: groupNamed('with-two') }), /uid=frank,.* has more than one uid/);
  await refused(t, read(slapd, { group: groupNamed('with-bell'), name: 'employeeType' }), /uid=grace,.* has a name that is no name of a committer/);
  await refused(t, read(slapd, { group: groupNamed('absent') }), /there is no group cn=absent,.*, or this account may not see it/);
  await refused(t, read(slapd, { group: `cn=secret,ou=hidden,${suffix}`, members: 'memberUid' }), /there is no group/);
  await refused(t, read(slapd, { members: 'memberOf', people: `ou=nowhere,${suffix}` }), /it has no such entry \(32\)/);
  await refused(t, read(slapd, { filter: '(((' }), /localhost/);
});

test('a password that is wrong, empty, or that others may read', async (t) => {
  const slapd = await startSlapd(t, corp);
  const file = join(slapd.directory, 'other');
  const bind = { dn: reader.dn, passwordFile: file };
  await refused(t, read(slapd, { bind }), /other: the file cannot be read \(ENOENT\)/);
  writeFileSync(file, 'wrong\n', { mode: 0o600 });
  await refused(t, read(slapd, { bind }), /it refuses the name and password, or the certificate \(49\)/);
  writeFileSync(file, '\n');
  await refused(t, read(slapd, { bind }), /other: the password is empty/);
  writeFileSync(file, reader.password);
  chmodSync(file, 0o640);
  await refused(t, read(slapd, { bind }), /other: others may read this secret: chmod 600/);
});

test('a server that is none of the CA, or has another name, learns no password', async (t) => {
  const slapd = await startSlapd(t, corp);
  const stranger = await initAuthority(join(slapd.directory, 'stranger'), { dev: true });
  const ca = join(slapd.directory, 'stranger.pem');
  writeFileSync(ca, stranger.caPem);
  for (const url of [slapd.ldaps, slapd.ldap]) await refused(t, read(slapd, { ca, url }), /its certificate was not issued by the CA in "ca"/);
  const other = await slapd.authority.issueServer(['elsewhere.test']);
  let decrypted = 0;
  const impostor = createTlsServer({ cert: other.certPem, key: other.keyPem }, (socket) => socket.on('data', () => { decrypted += 1; }).on('error', () => {}));
  const port = await listening(t, impostor);
  await refused(t, read(slapd, { url: `ldaps://localhost:${port}` }), /its certificate is for another name/);
  t.is(decrypted, 0);
});

test('a connection that is lost is not made again in clear, or as nobody', async (t) => {
  const slapd = await startSlapd(t, corp);
  const identity = await slapd.authority.issueServer(['localhost']);
  let connections = 0;
  const fickle = createTlsServer({ cert: identity.certPem, key: identity.keyPem }, (socket) => {
    connections += 1;
    socket.on('error', () => {});
    // BindResponse: success. Then it is gone.
    socket.once('data', () => socket.write(Buffer.from('300c02010161070a010004000400', 'hex'), () => socket.destroy()));
  });
  const port = await listening(t, fickle);
  await refused(t, read(slapd, { url: `ldaps://localhost:${port}` }), /localhost:[0-9]+: /);
  t.is(connections, 1);
});

test('StartTLS: whoever answers more than yes, no, or nothing, is refused before anything is said', async (t) => {
  const slapd = await startSlapd(t, corp);
  const yes = Buffer.from('300c02010178070a010004000400', 'hex');
  const answers: [Buffer<ArrayBufferLike>, RegExp][] = [
    [Buffer.concat([yes, Buffer.from([0x30])]), /more than an answer to StartTLS/],
    [Buffer.from('300c02010278070a010004000400', 'hex'), /an answer to something else/],
    [Buffer.from('300c02010178070a010204000400', 'hex'), /it does not do StartTLS/],
    [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /./],
    [Buffer.from('3084ffffffff', 'hex'), /an answer that is too long/],
  ];
  for (const [answer, message] of answers) {
    const received: Buffer[] = [];
    const server = createTcpServer((socket: Socket) => void socket.on('error', () => {}).on('data', (chunk) => {
      received.push(Buffer.from(chunk as Buffer));
      socket.write(answer);
    }));
    const port = await listening(t, server);
    await refused(t, read(slapd, { url: `ldap://localhost:${port}` }), message);
    t.is(Buffer.concat(received).length, 31);
  }
});

test('any bytes as an answer to StartTLS are an answer, a part of one, or an error', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    try {
      t.is(typeof readAnswer(Buffer.from(bytes)), 'boolean');
    } catch (error) {
      t.true(error instanceof Error);
    }
  }), { numRuns: 2000 });
});

const policyText = (slapd: Pick<Slapd, 'ldaps' | 'ca' | 'passwordFile'>, changes: object = {}): string => JSON.stringify({
  serial: 1, mechanisms: ['krb5'], identities: [{ id: 'a', principal: 'krb5:{user}@CORP.TEST', committer: '{user}' }],
  committers: { sources: [{
    id: 'corp', kind: 'ldap', url: slapd.ldaps, ca: slapd.ca, bind: { dn: reader.dn, passwordFile: slapd.passwordFile }, group: groupNamed('committers'), pollSeconds: 1, ...changes,
  }] },
  rules: [{ id: 'all', effect: 'allow', who: ['*'] }],
}, undefined, 1);

test('a directory that is away leaves its last answer for the stated time, then nobody is known; another server of it may answer', async (t) => {
  const slapd = await startSlapd(t, corp);
  const file = join(slapd.directory, 'policy.jsonc');
  writeFileSync(file, policyText(slapd, { staleSeconds: 60 }));
  const { committers } = await loadPolicy(file);
  const [source] = committers.sources;
  t.deepEqual([committers.standing('alice').isCommitter, committers.standing('carol').isCommitter], [true, false]);
  t.like(source!.status, { kind: 'ldap', people: 2, worstDelaySeconds: 21 });
  const { revision } = source!;
  await slapd.modify(`dn: ${groupNamed('committers')}\nchangetype: modify\ndelete: member\nmember: uid=alice,${people}\n`);
  t.is(await source!.reload(), 'changed');
  t.not(source!.revision, revision);
  t.false(committers.standing('alice').isCommitter);
  await slapd.stop();
  t.is(await source!.reload(), 'failed');
  t.regex(source!.problem?.message ?? '', /^ldaps:\/\/localhost:[0-9]+: nothing listens there$/);
  t.true(committers.standing('bob').isCommitter);
  t.throws(() => committers.standing('bob', Date.now() + 61_000), { instanceOf: WardError, code: 'policy-unavailable', message: /knows nobody: ldaps/ });
  await slapd.start();
  t.is(await source!.reload(), 'same');
  t.deepEqual((await read(slapd, { url: ['ldaps://localhost:1', slapd.ldaps] })).names, ['bob']);
  await refused(t, read(slapd, { url: ['ldaps://localhost:1', 'ldap://localhost:2'] }), /^ldaps:\/\/localhost:1: nothing listens there; ldap:\/\/localhost:2: nothing listens there$/);
  t.like(await read(slapd, { ordered: true }), { names: ['bob'] });
  t.is(Object.keys((await read(slapd, { ordered: true })).order ?? {}).length, 1);
});

test('mistakes of a source have positions in the policy, and what the directory says has them too', async (t) => {
  const slapd = { ldaps: 'ldaps://localhost:1', ca: 'ca.pem', passwordFile: 'password' };
  const findings = (changes: object): string[] => checkPolicyText(policyText(slapd, changes), 'p').map(({ line, column, message }) => `${line}:${column} ${message}`);
  t.deepEqual(findings({}), []);
  const positions = (changes: object, pattern: RegExp): void => {
    const [first = '', ...more] = findings(changes);
    t.regex(first, pattern);
    t.deepEqual(more, []);
  };
  positions({ url: 'http://localhost' }, /^18:12 "http:\/\/localhost" must be ldaps:\/\/HOST\[:PORT\], or ldap:\/\/HOST\[:PORT\] \(with StartTLS, always\)$/);
  positions({ url: ['ldaps://a', 'ldap://-b'] }, /must be ldaps/);
  positions({ members: 'memberOf' }, /"memberOf" needs "people": where to look for them$/);
  positions({ people }, /"people" is for "members": "memberOf" only$/);
  positions({ members: 'memberUid', nested: true }, /"nested" says nothing there$/);
  positions({ bind: { dn: reader.dn } }, /passwordFile/);
  positions({ bind: {} }, /must not be empty/);
  positions({ bind: { dn: 'a', passwordFile: 'b', cert: 'c', key: 'd' } }, /either "dn" and "passwordFile", or "cert" and "key"/);
  positions({ file: 'x' }, /has no key "file"/);
  positions({ group: undefined }, /lacks the key "group"/);
  const directory = await temporaryDirectory(t);
  writeFileSync(join(directory, 'ca.pem'), 'no certificate');
  writeFileSync(join(directory, 'password'), 'x', { mode: 0o600 });
  writeFileSync(join(directory, 'policy.jsonc'), policyText(slapd));
  const error = await t.throwsAsync(loadPolicy(join(directory, 'policy.jsonc')), { instanceOf: WardError, code: 'policy-unavailable' });
  t.regex(error.message, /^The committer source "corp" \(.*policy\.jsonc:15:4\) cannot be read: ldaps:\/\/localhost:1: /);
});

test('addresses of directories', (t) => {
  t.deepEqual(parseUrl('ldaps://dc1.corp.test'), { host: 'dc1.corp.test', port: 636, startTls: false });
  t.deepEqual(parseUrl('ldap://[::1]:3890/'), { host: '::1', port: 3890, startTls: true });
  for (const text of ['ldapi:///', 'ldaps://', 'ldaps://a:0', 'ldaps://a:70000', 'ldaps://user@a', 'ldaps://a/dc=x', 'LDAPS://a', 'ldaps://[x]']) t.is(parseUrl(text), undefined, text);
});

const listening = async (t: ExecutionContext, server: ReturnType<typeof createTcpServer>): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
};
