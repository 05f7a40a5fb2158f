/**
 * What a directory may answer and slapd does not: pages that are empty, members in pieces, groups written in another way, and ends that are none.
 */
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { initAuthority } from '../../../certs/authority.ts';
import { ldapReader, type LdapOptions } from '../../../policy/committers/ldap/reader.ts';
import { WardError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

/** One BER value of at most 65,535 bytes. */
const value = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, 0x82, content.length >> 8, content.length & 0xff]), content]);
};
const bytes = (said: Uint8Array): Buffer => value(0x04, said);
const text = (said: string): Buffer => bytes(Buffer.from(said));
const number = (tag: number, said: number): Buffer => value(tag, Buffer.from([said]));

type Attributes = Readonly<Record<string, readonly string[]>>;

const entry = (dn: string, attributes: Attributes): Buffer => value(0x64, text(dn), value(0x30, ...Object.entries(attributes)
  .map(([name, values]) => value(0x30, text(name), value(0x31, ...values.map(text))))));
const end = (code = 0, why = ''): Buffer => value(0x65, number(0x0a, code), text(''), text(why));
const page = (cookie: string): Buffer => value(0xa0, value(0x30, text('1.2.840.113556.1.4.319'), bytes(value(0x30, number(0x02, 0), text(cookie)))));

/** What is said to the searches of a connection, one after the other; each message is an operation, with controls or without. */
type Script = readonly (readonly (readonly Buffer[])[])[];

const committer = (uid: string): Buffer[] => [entry(`uid=${uid}`, { uid: [uid] })];
const theGroup = (attributes: Attributes = {}): Buffer[][] => [[entry('cn=committers', attributes)], [end()]];

/** A reading of a directory that says this. */
const reading = async (t: ExecutionContext, script: Script, changes: Partial<LdapOptions> = {}): Promise<readonly string[] | undefined> => {
  const directory = await temporaryDirectory(t);
  const authority = await initAuthority(join(directory, 'ca'), { dev: true });
  const { certPem, keyPem } = await authority.issueServer(['localhost']);
  const [ca, passwordFile] = [join(directory, 'ca.pem'), join(directory, 'password')];
  writeFileSync(ca, authority.caPem);
  writeFileSync(passwordFile, 'secret', { mode: 0o600 });
  const server = createServer({ cert: certPem, key: keyPem }, (socket) => {
    const left = [...script];
    socket.on('error', () => undefined).on('data', (request: Buffer) => {
      // Requests come one at a time here, and are short: 30 LENGTH 02 01 ID OPERATION.
      const [id = 0, operation] = request.subarray(request[1]! < 0x80 ? 4 : 4 + (request[1]! & 0x7f));
      const answers = operation === 0x60 ? [[value(0x61, number(0x0a, 0), text(''), text(''))]] : operation === 0x63 ? left.shift() ?? [] : [];
      for (const parts of answers) socket.write(value(0x30, number(0x02, id), ...parts));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const url = `ldaps://localhost:${(server.address() as AddressInfo).port}`;
  return (await ldapReader({ url, ca, bind: { dn: 'cn=wardcc', passwordFile }, group: 'cn=committers', ...changes }).read()).names;
};

const refused = async (t: ExecutionContext, script: Script, changes: Partial<LdapOptions>, message: RegExp): Promise<void> => {
  const error = await t.throwsAsync(reading(t, script, changes), { instanceOf: WardError, code: 'policy-unavailable', message });
  t.is(error?.class, 'infrastructure');
};

const byMember = { members: 'memberOf', people: 'ou=people' } as const;

test('an empty page that is not the last one is no end', async (t) => {
  const [alice, bob] = [[committer('alice'), [end(), page('one')]], [committer('bob'), [end(), page('')]]];
  const empty = [[end(), page('two')]];
  t.deepEqual(await reading(t, [theGroup(), alice, empty, empty, bob], byMember), ['alice', 'bob']);
  t.deepEqual(await reading(t, [theGroup(), empty, bob], byMember), ['bob']);
});

test('members that come in pieces are an error, however the directory writes that', async (t) => {
  for (const range of ['member;range=0-1499', 'member;Range=0-1499', 'MEMBER;RANGE=0-1499']) {
    await refused(t, [theGroup({ [range]: ['uid=alice'] })], {}, /: cn=committers has so many members that they come in pieces: write "members": "memberOf"$/);
  }
});

test('a group that lists its members in another attribute is misread, and not empty', async (t) => {
  await refused(t, [theGroup({ uniqueMember: ['uid=alice'] })], {}, /: cn=committers lists its members as uniqueMember, and the policy says member$/);
  await refused(t, [theGroup({ member: ['uid=alice'] })], { members: 'memberUid' }, /: cn=committers lists its members as member, and the policy says memberUid$/);
  const inner = [[entry('cn=inner', { objectClass: ['groupOfNames'], member: ['uid=bob'] })], [end()]];
  const outer = theGroup({ uniqueMember: ['cn=inner'] });
  await refused(t, [outer, inner], { members: 'uniqueMember', nested: true }, /: cn=inner lists its members as member, and the policy says uniqueMember$/);
  t.deepEqual(await reading(t, [outer, inner], { members: 'uniqueMember' }), []);
  t.deepEqual(await reading(t, [theGroup({ memberUid: ['alice'], member: ['uid=bob'] })], { members: 'memberUid' }), ['alice']);
  t.deepEqual(await reading(t, [theGroup()]), []);
});

test('members whose names differ in capitals alone may be two; groups that list each other in several spellings come to an end', async (t) => {
  const listing = (dn: string, ...member: readonly string[]): Buffer[][] => [[entry(dn, { objectClass: ['groupOfNames'], member })], [end()]];
  const person = (dn: string, uid: string): Buffer[][] => [[entry(dn, { objectClass: ['account'], uid: [uid] })], [end()]];
  // One at a time, as the script has it.
  const script = [
    theGroup({ member: ['cn=inner'] }), listing('cn=inner', 'CN=committers'), listing('CN=committers', 'homeDirectory=/al'),
    listing('homeDirectory=/al', 'homeDirectory=/AL'), person('homeDirectory=/AL', 'al'),
  ];
  t.deepEqual(await reading(t, script, { nested: true }), ['al']);
  const circle = [theGroup({ member: ['cn=inner'] }), listing('cn=inner', 'CN=committers'), listing('CN=committers', 'CN=Inner'), listing('CN=Inner', 'cn=inner')];
  t.deepEqual(await reading(t, circle, { nested: true }), []);
});

test('an answer that ends in anything but success counts for nothing, and what the directory says about it steers no terminal', async (t) => {
  const rows: [number, RegExp][] = [
    [1, /^ldaps:\/\/localhost:[0-9]+: broken\?\?\[2J Code: 0x1$/], [3, /: it gave up, because it took too long \(3\)$/], [4, /: it does not give so many entries at once \(4\)$/],
    [10, /: it says that another server has that \(10\)$/], [11, /: it gives no more than its administrator allows \(11\)$/], [51, /: it is busy \(51\)$/],
  ];
  for (const [code, message] of rows) await refused(t, [theGroup(), [committer('alice'), [end(code, 'broken\n\u001b[2J')]]], byMember, message);
});

test('a directory that falls silent in the middle is given up in time', async (t) => {
  const started = performance.now();
  await refused(t, [theGroup(), [committer('alice')]], byMember, /^ldaps:\/\/localhost:[0-9]+: it does not answer$/);
  // 9 seconds, beside what it takes to set this up
  t.true(performance.now() - started < 20_000);
});
