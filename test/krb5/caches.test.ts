/**
 * Caches that are no single file: sssd's cache manager, a key ring of the kernel, a directory of caches. A ticket in one is used, watched,
 * renewed and missed like one in a file.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { run } from '../../ctl/dev/command.ts';
import { startCacheManager } from '../fixtures/kcm.ts';
import { addPrincipal, realmEnvironment, startRealm, type TestRealm } from '../fixtures/realm.ts';
import { clientOf, makeKeytab, refusalOf, startService } from './service.ts';

const until = async (what: string, condition: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> => {
  for (const deadline = Date.now() + ms; !(await condition()); await pause(20)) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
  }
};

const kinit = (realm: TestRealm, cache: string, person: string, lifetime: string): Promise<string> =>
  run('kinit', ['-c', cache, '-l', lifetime, person], { env: realmEnvironment(realm), input: 'a password\n' });

/** Where the ticket is, and the realm with a configuration that leads there. */
interface Place {
  readonly cache: string;
  readonly realm: TestRealm;
}

const places: Readonly<Record<string, (t: ExecutionContext<unknown>, realm: TestRealm) => Promise<Place>>> = {
  'a cache manager (KCM)': async (t, realm) => {
    const { config } = await startCacheManager(t);
    return { cache: 'KCM:', realm: { ...realm, environment: { ...realm.environment, KRB5_CONFIG: `${config}:${realm.environment['KRB5_CONFIG']}` } } };
  },
  'a key ring of the kernel (KEYRING)': async (_, realm) => ({ cache: `KEYRING:user:wardcc-test-${process.pid}-${Date.now()}`, realm }),
  'a directory of caches (DIR)': async (_, realm) => {
    mkdirSync(join(realm.directory, 'caches'), { mode: 0o700 });
    return { cache: `DIR:${realm.directory}/caches`, realm };
  },
};

for (const [where, place] of Object.entries(places)) {
  test.serial(`a ticket in ${where} lets in; a longer one opens a successor; kdestroy ends the session`, async (t) => {
    const plain = await startRealm(t);
    process.env['KRB5_CONFIG'] = plain.environment['KRB5_CONFIG'];
    const server = await startService(t, { keytab: await makeKeytab(plain) });
    const { cache, realm } = await place(t, plain);
    await addPrincipal(plain, 'alice', 'a password');
    await kinit(realm, cache, 'alice', '1h');
    const farm = clientOf(t, realm, server, cache);
    const { committer, expires } = await farm.whoami({});
    t.is(committer, 'alice');
    await kinit(realm, cache, 'alice', '5h');
    await until('a successor', async () => (await farm.whoami({})).expires > expires + 3 * 3600_000);
    t.is(server.opened.length, 2);
    await run('kdestroy', ['-c', cache], { env: realmEnvironment(realm) });
    await until('no session is left', () => server.opened.every(({ ended }) => ended));
    t.is((await refusalOf(t, farm))[0], 'credential-missing');
  });
}

test.serial('a cache manager that is gone is no ticket: the session ends, and a sentence says so', async (t) => {
  const plain = await startRealm(t);
  process.env['KRB5_CONFIG'] = plain.environment['KRB5_CONFIG'];
  const server = await startService(t, { keytab: await makeKeytab(plain) });
  const manager = await startCacheManager(t);
  const realm = { ...plain, environment: { ...plain.environment, KRB5_CONFIG: `${manager.config}:${plain.environment['KRB5_CONFIG']}` } };
  await addPrincipal(plain, 'alice', 'a password');
  await kinit(realm, 'KCM:', 'alice', '1h');
  const farm = clientOf(t, realm, server, 'KCM:');
  t.is((await farm.whoami({})).committer, 'alice');
  await manager.stop();
  await until('the session ends', () => server.opened[0]!.ended);
  const [code, message] = await refusalOf(t, farm);
  t.is(code, 'credential-missing');
  t.regex(message, /^There is no Kerberos ticket: run kinit\. \(.+\)$/);
});
