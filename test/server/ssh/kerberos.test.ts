/**
 * Who is behind an SSH login: Kerberos tickets that sshd accepted (`gssapi-with-mic`).
 *
 * One at a time: each has an sshd of its own.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { loadClientConfig } from '../../../client/config.ts';
import { parseHost, type SshHost } from '../../../client/farm/hosts.ts';
import type { SshOptions } from '../../../client/farm/connect-ssh.ts';
import { Sessions } from '../../../client/farm/sessions.ts';
import { run } from '../../../ctl/dev/command.ts';
import { WardError } from '../../../protocol/errors.ts';
import { ticketMs } from '../../../server/front/authenticate-ssh.ts';
import { addPrincipal, getTicket, realmEnvironment, startRealm, writeKeytab, type TestRealm } from '../../fixtures/realm.ts';
import { openDoor, type SshDoor } from '../../fixtures/ssh-door.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

interface Kerberised {
  readonly door: SshDoor;
  readonly realm: TestRealm;
  /** How `ssh` comes with the ticket of `principal`. */
  comeAs(principal: string): Promise<Partial<SshOptions>>;
}

/** An sshd with a service of its own, whose account lets in who is listed; nobody has a key. */
const openForTickets = async (t: ExecutionContext<unknown>, admitted: readonly string[], lines: readonly string[] = []): Promise<Kerberised> => {
  const realm = await startRealm(t);
  const directory = await temporaryDirectory(t);
  await addPrincipal(realm, 'host/localhost');
  const keytab = join(directory, 'host.keytab');
  await writeKeytab(realm, 'host/localhost', keytab);
  // Who may log in to the account: a file of that name, in place of ~/.k5login.
  mkdirSync(join(directory, 'k5login'));
  writeFileSync(join(directory, 'k5login', userInfo().username), `${admitted.join('\n')}\n`);
  writeFileSync(join(directory, 'krb5.conf'), `[libdefaults]\n  k5login_directory = ${directory}/k5login\n  k5login_authoritative = true\n`);
  const env = { ...realmEnvironment(realm), KRB5_CONFIG: `${realm.environment['KRB5_CONFIG']}:${directory}/krb5.conf`, KRB5_KTNAME: keytab };
  const door = await openDoor(t, { env, lines: ['GSSAPIAuthentication yes', 'GSSAPIStrictAcceptorCheck no', ...lines] });
  const config = join(directory, 'ssh_config');
  writeFileSync(config, 'GSSAPIAuthentication yes\nPreferredAuthentications gssapi-with-mic,publickey\nPubkeyAuthentication no\n');
  const known = join(directory, 'known_hosts');
  writeFileSync(known, readFileSync(door.ssh.knownHosts!, 'utf8').replace('[127.0.0.1]', '[localhost]'));
  const host = parseHost(`ssh://${door.sshd.user}@localhost:${door.sshd.port}`) as SshHost;
  return {
    door, realm,
    comeAs: async (principal) => {
      await addPrincipal(realm, principal, 'a password');
      const cache = join(directory, `ticket-${principal.replaceAll('/', '-')}`);
      await getTicket(realm, principal, 'a password', cache);
      return { host, ssh: { config, knownHosts: known }, env: { KRB5CCNAME: `FILE:${cache}`, KRB5_CONFIG: realm.environment['KRB5_CONFIG'] } };
    },
  };
};

test.serial('a ticket is its name with the realm, for an hour', async (t) => {
  const { comeAs, door } = await openForTickets(t, ['alice@WARDCC.TEST', 'alice/admin@WARDCC.TEST']);
  const { welcome } = await door.connect(await comeAs('alice'));
  t.is(welcome.principal, 'ssh:alice@WARDCC.TEST');
  t.true(Math.abs(welcome.expires - Date.now() - ticketMs) < 60_000);
  t.deepEqual(door.logins.map(({ methods }) => methods), [[{ method: 'gssapi-with-mic', value: 'alice@WARDCC.TEST' }]]);
  t.is((await door.connect(await comeAs('alice/admin'))).welcome.principal, 'ssh:alice/admin@WARDCC.TEST');
});

test.serial('a session that lives on a ticket goes over a new login when the ticket is renewed, and ends with kdestroy', async (t) => {
  const { comeAs, door, realm } = await openForTickets(t, ['alice@WARDCC.TEST']);
  const { host, ssh, env } = await comeAs('alice');
  const cache = env!['KRB5CCNAME']!;
  await getTicket(realm, 'alice', 'a password', cache.slice('FILE:'.length), '1h');
  const config = await loadClientConfig({}, { system: '/nonexistent/client.jsonc', home: realm.directory });
  const sessions = new Sessions();
  t.teardown(() => sessions.close());
  const session = sessions.get(host!, { ...config, mechanisms: ['ssh'], ssh: ssh!, environment: env as Record<string, string> });
  const first = await session.ready();
  t.is(first.welcome.principal, 'ssh:alice@WARDCC.TEST');
  for (let turn = 0; door.seen.length < 2 && turn < 30; turn++) {
    await getTicket(realm, 'alice', 'a password', cache.slice('FILE:'.length), `${Math.min(9, 2 + turn)}h`);
    await pause(1_000);
  }
  t.is(door.seen.length, 2);
  await first.channel.closed;
  const second = await session.ready();
  const begun = performance.now();
  await run('kdestroy', ['-c', cache], { env: realmEnvironment(realm) });
  await second.channel.closed;
  t.true(performance.now() - begun < 30_000, `${performance.now() - begun} ms`);
  await t.throwsAsync(session.ready(), { instanceOf: WardError, code: 'session-lost', message: 'The session has ended.' });
  await t.throwsAsync(sessions.get(host!, { ...config, mechanisms: ['ssh'], ssh: ssh!, environment: env as Record<string, string> }).ready(), {
    instanceOf: WardError, code: 'ssh-refused',
  });
});

test.serial('a ticket that does not open the account does not pass sshd', async (t) => {
  const { comeAs, door } = await openForTickets(t, ['alice@WARDCC.TEST']);
  await t.throwsAsync(door.connect(await comeAs('mallory')), { instanceOf: WardError, code: 'ssh-refused', message: /refuses the login/ });
  t.deepEqual(door.logins, []);
});

test.serial('without a ticket there is no login', async (t) => {
  const { comeAs, door } = await openForTickets(t, ['alice@WARDCC.TEST']);
  const coming = await comeAs('alice');
  await t.throwsAsync(door.connect({ ...coming, env: { ...coming.env, KRB5CCNAME: 'FILE:/nonexistent' } }), { code: 'ssh-refused' });
});

test.serial('a policy that wants certificates takes no ticket', async (t) => {
  const { comeAs, door } = await openForTickets(t, ['alice@WARDCC.TEST']);
  door.facts.trust = { methods: ['certificate'], authorities: [] };
  await t.throwsAsync(door.connect(await comeAs('alice')), {
    instanceOf: WardError, code: 'ssh-refused', message: 'The login completed gssapi-with-mic; the policy lets certificate name a person.',
  });
});

for (const name of ['alice\\@CORP@WARDCC.TEST', 'alice', '@WARDCC.TEST', 'alice@', 'alice@A@B', 'alice bob@WARDCC.TEST']) {
  test.serial(`"${name}" is no plain name of a realm`, async (t) => {
    const { sshAuthenticator } = await import('../../../server/front/authenticate-ssh.ts');
    const login = { address: '::1', methods: [{ method: 'gssapi-with-mic', value: name }] };
    const facts = { account: 'wardcc', trust: () => ({ methods: undefined, authorities: [] }), revoked: () => undefined };
    await t.throwsAsync(async () => sshAuthenticator(login, facts).accept(undefined!, undefined!), {
      instanceOf: WardError, code: 'ssh-refused', message: 'The Kerberos name that sshd verified is not a plain name of a realm.',
    });
  });
}
