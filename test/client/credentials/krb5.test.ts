import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { loadClientConfig, withEnvironment } from '../../../client/config.ts';
import { checkCacheFile } from '../../../client/credentials/krb5.ts';
import { initiatorError } from '../../../client/credentials/krb5-errors.ts';
import { WardError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const service = 'wardcc/build1@CORP';
const minor = 'Unspecified GSS failure.  Minor code may provide more information: ';

for (const [said, code, message] of [
  [
    'Cannot contact any KDC for realm \'CORP\'', 'kdc-unreachable',
    'No Kerberos server (KDC) can be reached: Cannot contact any KDC for realm \'CORP\'.',
  ],
  [
    'Server wardcc/build1@CORP not found in Kerberos database', 'server-untrusted',
    'Kerberos knows no service wardcc/build1@CORP: the server is not set up for it, or its name in client.jsonc is wrong.',
  ],
  [
    'Server krbtgt/CORP@PARTNER not found in Kerberos database', 'server-untrusted',
    'There is no way from your realm to that of wardcc/build1@CORP, the compile server: '
    + 'Server krbtgt/CORP@PARTNER not found in Kerberos database.',
  ],
  [
    'Cannot find KDC for realm "CORP"', 'server-untrusted',
    'There is no way from your realm to that of wardcc/build1@CORP, the compile server: Cannot find KDC for realm "CORP".',
  ],
  ['Ticket expired', 'credential-expired', 'The Kerberos ticket has expired: run kinit.'],
  [
    'No Kerberos credentials available (default cache: FILE:/x)', 'credential-missing',
    'There is no Kerberos ticket: run kinit. (No Kerberos credentials available (default cache: FILE:/x))',
  ],
  [
    'Clock skew too great', 'ticket-invalid',
    'The clocks of this machine and of the KDC differ by more than Kerberos allows: correct them.',
  ],
  [
    'KDC has no support for encryption type', 'ticket-invalid',
    'There is no AES key for wardcc/build1@CORP, and no other kind is used.',
  ],
  [
    'Something \u001b[31mred', 'ticket-invalid',
    'Kerberos refused to make a token for wardcc/build1@CORP: Something ?[31mred.',
  ],
] as const) {
  test(`what the library says becomes ${code}: ${said.slice(0, 40)}`, (t) => {
    const error = initiatorError(`${minor}${said}`, service, 'alice@CORP');
    t.deepEqual([error.code, error.message.replace('\ufffd', '?')], [code, message]);
  });
}

test('a cache that is a file and is not there is no ticket; of other caches nothing is said without asking', (t) => {
  for (const place of ['FILE:/nonexistent/cache', '/nonexistent/cache']) {
    const message = 'There is no Kerberos ticket: run kinit. (/nonexistent/cache is not there)';
    t.throws(() => checkCacheFile({ KRB5CCNAME: place }), { instanceOf: WardError, code: 'credential-missing', message });
  }
  for (const place of ['DIR:/nonexistent', 'KEYRING:persistent:1', 'KCM:1']) t.notThrows(() => checkCacheFile({ KRB5CCNAME: place }));
  t.notThrows(() => checkCacheFile({}));
});

const load = async (t: Parameters<typeof temporaryDirectory>[0], user: object, system?: object) => {
  const home = await temporaryDirectory(t);
  mkdirSync(join(home, '.config', 'wardcc'), { recursive: true });
  writeFileSync(join(home, '.config', 'wardcc', 'client.jsonc'), JSON.stringify(user));
  const place = join(home, 'system.jsonc');
  if (system !== undefined) writeFileSync(place, JSON.stringify(system));
  return { home, config: await loadClientConfig({}, { home, system: place }) };
};

test('realm, service and cache stand in client.jsonc; a cache that is a file is relative to it', async (t) => {
  const trust = { servers: ['build1'], realm: 'CORP.EXAMPLE', service: 'wardcc/farm' };
  const { home, config } = await load(t, { trust, credentials: { ccache: 'FILE:cache' } });
  t.deepEqual([config.trust.realm, config.trust.service], ['CORP.EXAMPLE', 'wardcc/farm']);
  t.is(config.credentials.ccache, `FILE:${join(home, '.config', 'wardcc', 'cache')}`);
  t.is((await load(t, { credentials: { ccache: 'KEYRING:persistent:1' } })).config.credentials.ccache, 'KEYRING:persistent:1');
  const caches = ['cache', 'MEMORY:x'].map((ccache) => ({ credentials: { ccache } }));
  for (const wrong of [{ trust: { realm: 'CORP EXAMPLE' } }, { trust: { service: '-x' } }, ...caches]) {
    await t.throwsAsync(load(t, wrong), { instanceOf: WardError, code: 'config-invalid' });
  }
});

test('the environment of a job chooses its cache, unless the system locks credentials', async (t) => {
  const env = { KRB5CCNAME: 'FILE:/tmp/other', KRB5_CONFIG: '/tmp/krb5.conf', KRB5_TRACE: '/dev/stderr' };
  const { config } = await load(t, {});
  t.deepEqual(withEnvironment(config, env).environment, { KRB5CCNAME: 'FILE:/tmp/other', KRB5_CONFIG: '/tmp/krb5.conf' });
  const locked = await load(t, {}, { lock: ['credentials'] });
  t.deepEqual(withEnvironment(locked.config, env).environment, {});
});
