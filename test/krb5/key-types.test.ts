/**
 * AES only: what an old KDC may still give out is refused, on either side.
 */
import { join } from 'node:path';
import test from 'ava';
import { run } from '../../ctl/dev/command.ts';
import { WardError } from '../../protocol/errors.ts';
import { probeKeytab } from '../../server/doctor/keytab-probe.ts';
import { ServiceKeys } from '../../server/front/service-keys.ts';
import { realmEnvironment, startRealm } from '../fixtures/realm.ts';
import { initiate, knock, say, target } from './raw-client.ts';
import { clientOf, makeKeytab, makePerson, refusalOf, startService } from './service.ts';

const aes = 'aes256-cts-hmac-sha1-96';
const rc4 = 'arcfour-hmac';

test.serial('a session key that is not AES is refused by the server, and never asked for by the client', async (t) => {
  const realm = await startRealm(t, { keyTypes: [aes, rc4] });
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  // The KDC believes that this service can do nothing else; the ticket itself is encrypted in AES.
  await run('kadmin.local', ['-q', `setstr wardcc/localhost session_enctypes ${rc4}`], { env: realmEnvironment(realm) });
  const alice = await makePerson(realm, 'alice');
  const serverOwn = process.env['KRB5_CONFIG'];
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  const weak = await initiate(alice);
  process.env['KRB5_CONFIG'] = serverOwn;
  const answer = await knock(server.port, target(realm), say(weak.token));
  t.deepEqual(answer instanceof WardError ? [answer.code, answer.message] : answer, [
    'ticket-invalid', 'The ticket uses an encryption type that is not permitted here: AES only.',
  ]);
  t.deepEqual(await refusalOf(t, clientOf(t, realm, server, await makePerson(realm, 'bob'))), [
    'ticket-invalid', 'There is no AES key for wardcc/localhost@WARDCC.TEST, and no other kind is used.',
  ]);
});

test.serial('a keytab without an AES key is refused; keys of other kinds are left out, and doctor says so', async (t) => {
  const realm = await startRealm(t, { keyTypes: [aes, rc4] });
  const mixed = await makeKeytab(realm);
  const keys = new ServiceKeys({ keytab: mixed, service: 'wardcc/localhost', config: undefined }, join(realm.directory, 'replay-cache'));
  t.is(keys.refused, 1);
  const finding = probeKeytab({ keytab: mixed, service: 'wardcc/localhost', config: undefined });
  t.is(finding.grade, 'CAUTION');
  t.is(finding.says, 'AES keys of wardcc/localhost@WARDCC.TEST, and 1 of other kinds that are not used');

  const old = join(realm.directory, 'old.keytab');
  const input = `addent -password -p wardcc/localhost@WARDCC.TEST -k 1 -e ${rc4}\na password\nwkt ${JSON.stringify(old)}\n`;
  await run('ktutil', [], { env: realmEnvironment(realm), input });
  t.throws(() => new ServiceKeys({ keytab: old, service: 'wardcc/localhost', config: undefined }, join(realm.directory, 'replay-cache')), {
    instanceOf: WardError, code: 'config-invalid',
    message: `The keytab ${old} has no AES key of wardcc/localhost@WARDCC.TEST, and no other kind is accepted.`,
  });
});
