/**
 * AES only, against KDCs that are not MIT's: what they would still give out is refused on either side.
 */
import test from 'ava';
import { WardError } from '../../protocol/errors.ts';
import { column, startRealm } from '../fixtures/realm.ts';
import { initiate, knock, say, target } from '../krb5/raw-client.ts';
import { clientOf, makeKeytab, makePerson, refusalOf, serviceName, startService } from '../krb5/service.ts';

const { weaken } = await (column === 'samba' ? import('./samba.ts') : import('./heimdal.ts'));

test.serial('a service that has only an RC4 key for its KDC: the client asks for no such ticket, and the server takes none', async (t) => {
  const realm = await startRealm(t, { keyTypes: ['aes256-cts-hmac-sha1-96', 'aes128-cts-hmac-sha1-96', 'arcfour-hmac'] });
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  await weaken(realm, serviceName);
  const serverOwn = process.env['KRB5_CONFIG'];
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  const weak = await initiate(await makePerson(realm, 'bob'));
  process.env['KRB5_CONFIG'] = serverOwn;
  const answer = await knock(server.port, target(realm), say(weak.token));
  t.true(answer instanceof WardError);
  t.is((answer as WardError).code, 'ticket-invalid');
  t.regex((answer as WardError).message, /AES only|was made for a key of wardcc\/localhost@WARDCC\.TEST that this server does not have/);
  t.log((answer as WardError).message);
  const [code, message] = await refusalOf(t, clientOf(t, realm, server, await makePerson(realm, 'carol')));
  t.is(code, 'ticket-invalid');
  t.is(message, 'There is no AES key for wardcc/localhost@WARDCC.TEST, and no other kind is used.');
});
