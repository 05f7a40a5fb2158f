/**
 * Who is let in by Kerberos, and who is refused with which code and sentence: each row against a real KDC, with the agent's own client
 * and the server's own door.
 */
import { execFile } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../ctl/dev/ports.ts';
import { WardError } from '../../protocol/errors.ts';
import { ServiceKeys } from '../../server/front/service-keys.ts';
import { addPrincipal, getTicket, realmEnvironment, startRealm, writeKeytab, type TestRealm } from '../fixtures/realm.ts';
import { initiate } from './raw-client.ts';
import { clientOf, makeKeytab, makePerson, refusalOf, serviceName, startService } from './service.ts';

const execute = promisify(execFile);
const timestamp = '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC';

/** The server looks for its configuration where this process does. */
const serveIn = (realm: TestRealm): void => {
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
};

test.serial('a committer with a ticket is let in by name, with the end of the ticket', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  const cache = await makePerson(realm, 'alice', '1h');
  const answer = await clientOf(t, realm, server, cache).whoami({});
  t.like(answer, { principal: 'krb5:alice@WARDCC.TEST', committer: 'alice', mechanism: 'krb5' });
  const { stdout } = await execute('klist', ['-c', cache], { env: { ...realmEnvironment(realm), LC_ALL: 'C', TZ: 'UTC' } });
  const [, date, time] = /\s\s([0-9/]{8}) ([0-9:]{8})\s\skrbtgt\/WARDCC\.TEST@WARDCC\.TEST/.exec(stdout) ?? [];
  const [month, day, year] = date!.split('/');
  t.is(new Date(answer.expires).toISOString(), `20${year}-${month}-${day}T${time}.000Z`, stdout);
});

test.serial('without a ticket: kinit', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  const place = join(realm.directory, 'nothing');
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, `FILE:${place}`)), [
    'credential-missing', `There is no Kerberos ticket: run kinit. (${place} is not there)`,
  ]);
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, `DIR:${realm.directory}/folder`)), [
    'credential-missing', `There is no Kerberos ticket: run kinit. (No credentials cache found (filename: ${realm.directory}/folder/tkt))`,
  ]);
});

test.serial('an expired ticket: kinit, with the time when it ended', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  const cache = await makePerson(realm, 'alice', '1s');
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const [code, message] = await refusalOf(t, clientOf(t, realm, server, cache));
  t.is(code, 'credential-expired');
  t.regex(message, new RegExp(`^The Kerberos ticket of alice@WARDCC\\.TEST ended at ${timestamp}: run kinit\\.$`));
});

test.serial('a service that Kerberos does not know, and a host that is another one', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  await makeKeytab(realm, 'other.keytab', 'wardcc/other.example');
  const cache = await makePerson(realm, 'alice');
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, cache, { trust: { servers: ['localhost'], service: 'nosuch' } })), [
    'server-untrusted',
    'Kerberos knows no service nosuch/localhost@WARDCC.TEST: the server is not set up for it, or its name in client.jsonc is wrong.',
  ]);
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, cache, { trust: { servers: ['other.example'] } })), [
    'server-untrusted', 'This server is wardcc/localhost@WARDCC.TEST and not wardcc/other.example@WARDCC.TEST.',
  ]);
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, cache, { trust: { servers: ['a.example', 'b.example'] } })), [
    'config-invalid', `${server.name} is not a name in trust.servers, which has several: Kerberos cannot know which server is meant there.`,
  ]);
});

/** Realms that know each other's KDC; services are those of the first. */
const threeRealms = async (t: ExecutionContext): Promise<readonly [TestRealm, TestRealm, TestRealm]> => {
  const ports = { ALPHA: await freePort(), BETA: await freePort(), GAMMA: await freePort() };
  const neighbours = Object.entries(ports).map(([name, port]) => ({ name: `${name}.TEST`, port }));
  const realmOf = (name: keyof typeof ports): Promise<TestRealm> =>
    startRealm(t, { name: `${name}.TEST`, port: ports[name], neighbours: neighbours.filter((one) => one.name !== `${name}.TEST`) });
  const realms = await Promise.all([realmOf('ALPHA'), realmOf('BETA'), realmOf('GAMMA')]);
  serveIn(realms[0]);
  return realms;
};

test.serial('realms: one that trusts us and that the policy lists, one that it does not list, one without trust', async (t) => {
  const [alpha, beta, gamma] = await threeRealms(t);
  for (const realm of [alpha, beta]) await addPrincipal(realm, 'krbtgt/ALPHA.TEST@BETA.TEST', 'what both know');
  const keytab = await makeKeytab(alpha);
  const identity = (...realms: string[]) =>
    [{ id: 'realms', mechanism: 'krb5', realms: Object.fromEntries(realms.map((name) => [name, '{user}'])) }];
  const open = await startService(t, { keytab, identities: identity('ALPHA.TEST', 'BETA.TEST') });
  const closed = await startService(t, { keytab, identities: identity('ALPHA.TEST') });
  const trust = { servers: ['localhost'], realm: 'ALPHA.TEST' };
  const alice = await makePerson(beta, 'alice');
  t.like(await clientOf(t, beta, open, alice, { trust }).whoami({}), { principal: 'krb5:alice@BETA.TEST', committer: 'alice' });
  t.deepEqual(await refusalOf(t, clientOf(t, beta, closed, alice, { trust })), [
    'identity-unknown', 'No identity rule maps krb5:alice@BETA.TEST to a committer: it is of a realm that no identity rule lists.',
  ]);
  const [code, message] = await refusalOf(t, clientOf(t, gamma, open, await makePerson(gamma, 'alice'), { trust }));
  t.is(code, 'server-untrusted');
  t.regex(message, /^There is no way from your realm to that of wardcc\/localhost@ALPHA\.TEST, the compile server: .*\.$/);
});

test.serial('a realm on the way between two listed ones is the business of [capaths]: only where that allows it does a ticket count', async (t) => {
  const [alpha, beta, gamma] = await threeRealms(t);
  for (const realm of [alpha, beta]) await addPrincipal(realm, 'krbtgt/ALPHA.TEST@BETA.TEST', 'one');
  for (const realm of [beta, gamma]) await addPrincipal(realm, 'krbtgt/BETA.TEST@GAMMA.TEST', 'two');
  const way = '[capaths]\n  GAMMA.TEST = {\n    ALPHA.TEST = BETA.TEST\n  }\n';
  const identities = [{ id: 'realms', mechanism: 'krb5', realms: { 'ALPHA.TEST': '{user}', 'GAMMA.TEST': '{user}' } }];
  const server = await startService(t, { keytab: await makeKeytab(alpha), identities });
  const trust = { servers: ['localhost'], realm: 'ALPHA.TEST' };
  const alice = await makePerson(gamma, 'alice');
  appendFileSync(gamma.environment['KRB5_CONFIG']!, way);
  t.deepEqual(await refusalOf(t, clientOf(t, gamma, server, alice, { trust })), [
    'server-untrusted', 'There is no way from your realm to that of wardcc/localhost@ALPHA.TEST, the compile server: KDC policy rejects request.',
  ]);
  appendFileSync(alpha.environment['KRB5_CONFIG']!, way);
  // A KDC looks at its configuration once a second at most.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const bob = await makePerson(gamma, 'bob');
  t.like(await clientOf(t, gamma, server, bob, { trust }).whoami({}), { principal: 'krb5:bob@GAMMA.TEST', committer: 'bob' });
  const between = await makePerson(beta, 'alice');
  t.deepEqual(await refusalOf(t, clientOf(t, beta, server, between, { trust })), [
    'identity-unknown', 'No identity rule maps krb5:alice@BETA.TEST to a committer: it is of a realm that no identity rule lists.',
  ]);
});

test.serial('names: an instance, upper case and an escape are other people', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  const unknown = (name: string, why: string): [string, string] =>
    ['identity-unknown', `No identity rule maps krb5:${name}@WARDCC.TEST to a committer${why}.`];
  const rows: readonly (readonly [string, [string, string]])[] = [
    ['alice/admin', unknown('alice/admin', '')],
    ['ALICE', unknown('ALICE', ': it is no plain name in lower case; only an identity rule that has it literally can stand for it')],
    ['alice\\@WARDCC.TEST', unknown('alice\\@WARDCC.TEST', ': it has an escape in its name')],
    ['mallory', ['not-a-committer', 'krb5:mallory@WARDCC.TEST stands for "mallory", who is not a committer.']],
  ];
  for (const [name, expected] of rows) {
    t.deepEqual(await refusalOf(t, clientOf(t, realm, server, await makePerson(realm, name))), expected, name);
  }
});

test.serial('keys: none of the service, those of another database, older ones, a file that is open to others', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const keytab = await makeKeytab(realm);
  const keysOf = (file: string, service = serviceName): ServiceKeys =>
    new ServiceKeys({ keytab: file, service, config: undefined }, join(realm.directory, 'replay-cache'));
  const complaint = (file: string, service?: string): string => {
    const { code, message } = t.throws(() => keysOf(file, service), { instanceOf: WardError })!;
    t.is(code, 'config-invalid');
    return message;
  };
  const other = await makeKeytab(realm, 'other.keytab', 'wardcc/other.example');
  const lacks = (file: string, service: string, has: string): string =>
    `The keytab ${file} has no keys of ${service}; it has those of ${has}.`;
  t.is(complaint(other), lacks(other, 'wardcc/localhost', 'wardcc/other.example@WARDCC.TEST'));
  const elsewhereName = 'wardcc/localhost@ELSEWHERE.TEST';
  t.is(complaint(keytab, elsewhereName), lacks(keytab, elsewhereName, 'wardcc/localhost@WARDCC.TEST'));
  const open = join(realm.directory, 'open.keytab');
  copyFileSync(keytab, open);
  chmodSync(open, 0o640);
  const advice = 'chmod 600, and give the service new keys if somebody may have read it';
  t.is(complaint(open), `The keytab ${open} is open to others (mode 0640): ${advice}.`);
  rmSync(open);
  t.is(complaint(open), `The keytab ${open} cannot be read (ENOENT).`);
  t.is(complaint(realm.directory), `The keytab ${realm.directory} is not a regular file.`);

  const elsewhere = await startRealm(t);
  const wrong = await startService(t, { keytab: await makeKeytab(elsewhere) });
  const alice = await makePerson(realm, 'alice');
  t.deepEqual(await refusalOf(t, clientOf(t, realm, wrong, alice)), [
    'ticket-invalid', 'The ticket or the token was changed, or was made with another key.',
  ]);

  const server = await startService(t, { keytab });
  await writeKeytab(realm, serviceName, join(realm.directory, 'newer.keytab'), { keep: false });
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, await makePerson(realm, 'bob'))), [
    'ticket-invalid',
    'The ticket was made for a key of wardcc/localhost@WARDCC.TEST that this server does not have: kdestroy and kinit get a new one; '
    + 'administrator: renew the keytab.',
  ]);
});

test.serial('a keytab that becomes broken changes nothing; one with newer keys beside the old ones takes both', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const keytab = await makeKeytab(realm);
  const server = await startService(t, { keytab });
  const before = await makePerson(realm, 'alice');
  await clientOf(t, realm, server, before).whoami({});
  chmodSync(keytab, 0o644);
  t.throws(() => server.keys.reload(), { instanceOf: WardError });
  t.like(await clientOf(t, realm, server, before).whoami({}), { committer: 'alice' });
  await writeKeytab(realm, serviceName, keytab, { keep: false });
  chmodSync(keytab, 0o644);
  const after = await makePerson(realm, 'bob');
  t.is((await refusalOf(t, clientOf(t, realm, server, after)))[0], 'ticket-invalid', 'a new key in a file that everybody can read');
  chmodSync(keytab, 0o600);
  t.like(await clientOf(t, realm, server, after).whoami({}), { committer: 'bob' }, 'a ticket for the new key, before anything else looked at the file');
  t.like(await clientOf(t, realm, server, before).whoami({}), { committer: 'alice' }, 'a ticket for the old key');
});

test.serial('tickets for a new key that come together all count at once, and so does one whose key another look brought', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const keytab = await makeKeytab(realm);
  const keys = new ServiceKeys({ keytab, service: serviceName, config: undefined }, join(realm.directory, 'replay-cache'));
  const tokensOf = async (...people: readonly string[]): Promise<Buffer[]> => {
    await writeKeytab(realm, serviceName, keytab, { keep: false });
    chmodSync(keytab, 0o600);
    const tokens: Buffer[] = [];
    for (const name of people) tokens.push((await initiate(await makePerson(realm, name))).token);
    return tokens;
  };
  const together = await tokensOf('alice', 'bob', 'carol');
  const accepted = await Promise.all(together.map((token) => keys.accept(token)));
  t.deepEqual(accepted.map(({ name }) => name), ['alice@WARDCC.TEST', 'bob@WARDCC.TEST', 'carol@WARDCC.TEST']);
  const [late] = await tokensOf('dora');
  const waiting = keys.accept(late!);
  keys.reload();
  t.is((await waiting).name, 'dora@WARDCC.TEST');
});

test.serial('a ticket from a cache that the environment does not name, and one of a directory of caches', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  const alice = await makePerson(realm, 'alice');
  const credentials = { cert: '/nonexistent', key: '/nonexistent', ccache: alice };
  const forced = await clientOf(t, realm, server, await makePerson(realm, 'bob'), { credentials }).whoami({});
  t.like(forced, { committer: 'alice' }, 'the configuration forces its own');
  const folder = `DIR:${join(realm.directory, 'caches')}`;
  await execute('mkdir', ['-m', '700', folder.slice(4)]);
  const env = { ...realmEnvironment(realm), KRB5CCNAME: folder };
  await addPrincipal(realm, 'carol', 'c');
  const kinit = execute('kinit', ['bob'], { env });
  kinit.child.stdin!.end('a password\n');
  await kinit;
  t.like(await clientOf(t, realm, server, folder).whoami({}), { committer: 'bob' });
});

test.serial('another mechanism is tried only if the configuration permits it', async (t) => {
  const realm = await startRealm(t);
  serveIn(realm);
  const server = await startService(t, { keytab: await makeKeytab(realm), mechanisms: ['ssh'] });
  const alice = await makePerson(realm, 'alice');
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, alice)), [
    'mechanism-not-permitted', 'This server does not accept mechanism krb5 here.',
  ]);
  const [code, message] = await refusalOf(t, clientOf(t, realm, server, `FILE:${realm.directory}/none`, { mechanisms: ['krb5', 'cert'] }));
  t.is(code, 'credential-missing');
  t.regex(message, /^There is no Kerberos ticket: run kinit\. \(.* is not there\) There is no client certificate at \/nonexistent\/cert/);
  await getTicket(realm, 'alice', 'a password', join(realm.directory, 'short'), '1s');
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const expired = await refusalOf(t, clientOf(t, realm, server, `FILE:${realm.directory}/short`, { mechanisms: ['cert', 'krb5'] }));
  t.is(expired[0], 'credential-expired', 'what has ended says more than what was never there');
});
