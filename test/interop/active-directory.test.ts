/**
 * What only a directory of Microsoft's kind has: the PAC, names without case, machine accounts, RC4 by default, tickets that live
 * two minutes at least, and groups in LDAP.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { initAuthority } from '../../certs/authority.ts';
import { freePort } from '../../ctl/dev/ports.ts';
import { ldapReader, type LdapOptions } from '../../policy/committers/ldap/reader.ts';
import { WardError } from '../../protocol/errors.ts';
import { ServiceKeys } from '../../server/front/service-keys.ts';
import { createRealm, getTicket, startKdc, startRealm, writeKeytab, type TestRealm } from '../fixtures/realm.ts';
import { endAfter, temporaryDirectory } from '../fixtures/temporary.ts';
import { initiate, knock, target, wellBehaved } from '../krb5/raw-client.ts';
import { clientOf, makeKeytab, makePerson, refusalOf, serviceName, startService } from '../krb5/service.ts';
import { change, enableLdap } from './samba.ts';

const serveIn = (realm: TestRealm): void => {
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
};
const groups = 250;

test.serial('a ticket carries a PAC that grows with the groups of its owner, and is let in', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  const alice = await initiate(await makePerson(realm, 'alice'));
  const bob = await makePerson(realm, 'bob');
  await change(realm, 'groups', String(groups), 'bob');
  await getTicket(realm, 'bob', 'a password', bob.slice('FILE:'.length));
  const many = await initiate(bob);
  t.log(`${alice.token.length} bytes, ${many.token.length} with ${groups} groups`);
  // A group is a relative identifier and attributes, 8 bytes; the names have not the same length.
  t.true(many.token.length > alice.token.length + groups * 7);
  t.is(await knock(server.port, target(realm), wellBehaved(many)), 'krb5:bob@WARDCC.TEST');
  t.like(await clientOf(t, realm, server, bob).whoami({}), { committer: 'bob' });
});

test.serial('names with upper case and $ are literal, though the directory does not tell cases apart', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const identities = [
    { id: 'eve', principal: 'krb5:Eve.Smith@WARDCC.TEST', committer: 'alice' },
    { id: 'machine', principal: 'krb5:BUILD7$@WARDCC.TEST', committer: 'bob' },
    { id: 'realm', mechanism: 'krb5', realms: { 'WARDCC.TEST': '{user}' } },
  ];
  const server = await startService(t, { keytab: await makeKeytab(realm), identities });
  await change(realm, 'person', 'Eve.Smith', 'a password');
  await change(realm, 'machine', 'BUILD7', 'a password');
  await change(realm, 'person', 'alice', 'a password');
  const as = async (name: string): Promise<string> => {
    const cache = join(realm.directory, `cache of ${name}`);
    await getTicket(realm, name, 'a password', cache);
    return `FILE:${cache}`;
  };
  for (const [name, committer] of [['Eve.Smith', 'alice'], ['BUILD7$', 'bob']] as const) {
    t.like(await clientOf(t, realm, server, await as(name)).whoami({}), { principal: `krb5:${name}@WARDCC.TEST`, committer });
  }
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, await as('eve.smith'))), [
    'not-a-committer', 'krb5:eve.smith@WARDCC.TEST stands for "eve.smith", who is not a committer.',
  ]);
  const literal = ': it is no plain name in lower case; only an identity rule that has it literally can stand for it';
  for (const [name, why] of [['build7$', ''], ['Alice', literal]] as const) {
    t.deepEqual(await refusalOf(t, clientOf(t, realm, server, await as(name))), [
      'identity-unknown', `No identity rule maps krb5:${name}@WARDCC.TEST to a committer${why}.`,
    ]);
  }
});

test.serial('an account that was never told of AES gives a keytab that the server refuses', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  await makeKeytab(realm);
  await change(realm, 'types', serviceName, '0');
  const keytab = join(realm.directory, 'old.keytab');
  await writeKeytab(realm, serviceName, keytab);
  t.throws(() => new ServiceKeys({ keytab, service: serviceName, config: undefined }, join(realm.directory, 'replay-cache')), {
    instanceOf: WardError, code: 'config-invalid',
    message: `The keytab ${keytab} has no AES key of wardcc/localhost@WARDCC.TEST, and no other kind is accepted.`,
  });
});

test.serial('a domain without trust: there is no way', async (t) => {
  const [home, away] = [await freePort(), await freePort()];
  const realm = await startRealm(t, { port: home });
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  const other = await startRealm(t, { name: 'GAMMA.TEST', port: away, neighbours: [{ name: 'WARDCC.TEST', port: home }] });
  const trust = { servers: ['localhost'], realm: 'WARDCC.TEST' };
  const [code, message] = await refusalOf(t, clientOf(t, other, server, await makePerson(other, 'alice'), { trust }));
  t.is(code, 'server-untrusted');
  t.regex(message, /^There is no way from your realm to that of wardcc\/localhost@WARDCC\.TEST, the compile server: .*\.$/);
});

test.serial('a session ends with its ticket, which a domain controller makes last two minutes at least', async (t) => {
  t.timeout(240_000);
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  const cache = await makePerson(realm, 'alice', '125s');
  const farm = clientOf(t, realm, server, cache);
  const { expires } = await farm.whoami({});
  t.true(expires - Date.now() <= 125_000);
  await pause(expires - Date.now() - 1000);
  t.false(server.opened[0]!.ended);
  await pause(3500);
  t.true(server.opened[0]!.ended);
  t.is((await refusalOf(t, farm))[0], 'credential-expired');
});

test.serial('the groups of the directory say who is a committer', async (t) => {
  const directory = join(await temporaryDirectory(t), 'realm');
  const realm = await createRealm(directory, { port: await freePort() });
  const authority = await initAuthority(join(directory, 'ca'), { dev: true });
  const host = await authority.issueServer(['localhost', '127.0.0.1']);
  const place = (name: string): string => join(directory, name);
  const files = { 'ca.pem': authority.caPem, 'cert.pem': host.certPem, 'key.pem': host.keyPem, password: 'a password\n' };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(place(name), text, { mode: 0o600 });
  }
  await enableLdap(realm, { ca: place('ca.pem'), cert: place('cert.pem'), key: place('key.pem') });
  for (const name of ['Alice', 'carol', 'mallory', 'reader']) await change(realm, 'person', name, 'a password');
  await change(realm, 'group', 'inner', 'carol');
  await change(realm, 'group', 'committers', 'Alice', 'inner');
  const kdc = await startKdc(realm);
  endAfter(t, kdc);
  serveIn({ ...realm, kdc });
  const people = `CN=Users,${await change(realm, 'dn')}`;
  const source: LdapOptions = {
    url: 'ldaps://localhost', ca: place('ca.pem'), bind: { dn: `CN=reader,${people}`, passwordFile: place('password') },
    group: `CN=committers,${people}`, members: 'memberOf', people, nested: true, name: 'sAMAccountName', lowerCase: true,
    filter: '(!(userAccountControl:1.2.840.113556.1.4.803:=2))',
  };
  const names = async (changes: Partial<LdapOptions> = {}): Promise<readonly string[] | undefined> => {
    const { people: where, ...rest } = { ...source, ...changes };
    return (await ldapReader(rest.members === 'memberOf' ? { ...rest, people: where! } : rest).read()).names;
  };
  t.deepEqual(await names(), ['alice', 'carol']);
  t.deepEqual(await names({ url: 'ldap://localhost' }), ['alice', 'carol'], 'StartTLS');
  t.deepEqual(await names({ members: 'member', nested: false, group: `CN=inner,${people}` }), ['carol']);
  t.deepEqual(await names({ lowerCase: false }), ['Alice', 'carol']);

  const server = await startService(t, { keytab: await makeKeytab({ ...realm, kdc }), sources: [{ id: 'corp', kind: 'ldap', ...source }] });
  const as = async (name: string): Promise<string> => {
    await getTicket(realm, name, 'a password', place(`cache of ${name}`));
    return `FILE:${place(`cache of ${name}`)}`;
  };
  t.like(await clientOf(t, realm, server, await as('alice')).whoami({}), { committer: 'alice' });
  t.like(await clientOf(t, realm, server, await as('carol')).whoami({}), { committer: 'carol' }, 'through a group in the group');
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, await as('mallory'))), [
    'not-a-committer', 'krb5:mallory@WARDCC.TEST stands for "mallory", who is not a committer.',
  ]);
});
