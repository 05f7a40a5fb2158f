import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { addPrincipal, getTicket, realmEnvironment, startRealm, writeKeytab } from '../../fixtures/realm.ts';

const execute = promisify(execFile);

test('a realm in a directory with a space gives tickets for its people and its services, AES only', async (t) => {
  const realm = await startRealm(t);
  await addPrincipal(realm, 'alice', 'a password');
  await addPrincipal(realm, 'wardcc/localhost');
  const keytab = join(realm.directory, 'service.keytab');
  const cache = join(realm.directory, 'alice.ccache');
  await writeKeytab(realm, 'wardcc/localhost', keytab);
  await getTicket(realm, 'alice', 'a password', cache);
  const env = realmEnvironment(realm, cache);
  const { stdout: kvno } = await execute('kvno', ['-k', keytab, 'wardcc/localhost'], { env });
  t.regex(kvno, /keytab entry valid/);
  const { stdout: list } = await execute('klist', ['-e'], { env });
  t.regex(list, /Default principal: alice@WARDCC\.TEST/);
  t.notRegex(list, /arcfour|des/i);
});

test('a wrong password is an error that repeats what kinit says', async (t) => {
  const realm = await startRealm(t);
  await addPrincipal(realm, 'alice', 'a password');
  const error = await t.throwsAsync(getTicket(realm, 'alice', 'another', join(realm.directory, 'c')), { instanceOf: WardError });
  t.is((error as WardError).code, 'dev-failed');
  t.regex(error!.message, /^kinit failed: .*Password incorrect/);
});

test('a ticket can be so short that it expires during a test', async (t) => {
  const realm = await startRealm(t);
  await addPrincipal(realm, 'bob', 'b');
  const cache = join(realm.directory, 'bob.ccache');
  const valid = () => execute('klist', ['-s'], { env: realmEnvironment(realm, cache) }).then(() => true, () => false);
  // On a busy machine it may have expired before anybody looks.
  let seconds = 2;
  for (; seconds < 100; seconds *= 3) {
    await getTicket(realm, 'bob', 'b', cache, `${seconds}s`);
    if (await valid()) break;
  }
  t.true(seconds < 100);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000 + 1100));
  t.false(await valid());
});
