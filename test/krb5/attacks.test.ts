/**
 * What somebody with or without a ticket can try at the server's door, and what a server or a relay can try against a client.
 */
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTlsServer, connect as tlsConnect, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import kerberos from 'kerberos';
import { WardError } from '../../protocol/errors.ts';
import { serverHandshake, type AuthIo } from '../../protocol/handshake.ts';
import { proofMessage, proofText } from '../../protocol/proof.ts';
import { tlsExporter, webSocketTransport } from '../../protocol/transport.ts';
import { openServiceKeys } from '../../server/front/service-keys.ts';
import { answerUpgrades } from '../../server/front/upgrade.ts';
import { native } from '../../server/native/load.ts';
import { startRealm, type TestRealm } from '../fixtures/realm.ts';
import { flags, initiate, knock, say, target, usual, wellBehaved } from './raw-client.ts';
import { clientOf, makeKeytab, makePerson, read, refusalOf, selfSigned, startService, type TestService } from './service.ts';

interface Scene {
  readonly realm: TestRealm;
  readonly server: TestService;
  readonly alice: string;
}

const open = async (t: ExecutionContext<unknown>, ticket: readonly string[] = []): Promise<Scene> => {
  const realm = await startRealm(t);
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  const server = await startService(t, { keytab: await makeKeytab(realm) });
  return { realm, server, alice: await makePerson(realm, 'alice', undefined, ticket) };
};

const refused = (t: ExecutionContext<unknown>, answer: string | WardError, code: string, message: string): void => {
  t.deepEqual(answer instanceof WardError ? [answer.code, answer.message] : answer, [code, message]);
};

test.serial('a client that does everything right by itself is let in', async (t) => {
  const { realm, server, alice } = await open(t);
  t.is(await knock(server.port, target(realm), wellBehaved(await initiate(alice))), 'krb5:alice@WARDCC.TEST');
});

test.serial('a token is good once', async (t) => {
  const { realm, server, alice } = await open(t);
  const initiator = await initiate(alice);
  await knock(server.port, target(realm), wellBehaved(initiator));
  const again = await knock(server.port, target(realm), say(initiator.token));
  refused(t, again, 'ticket-invalid', 'The token was used before: somebody may be replaying it.');
  const stolen = await initiate(alice);
  // The thief is first, and has the token but not its key.
  refused(t, await knock(server.port, target(realm), async (io) => {
    io.send(stolen.token);
    await io.receive();
    io.send(Buffer.alloc(128, 7));
    await io.receive();
  }), 'binding-mismatch', 'The proof of the client was not made with the key of its ticket.');
});

test.serial('a ticket for a name that can be no principal is refused with a code, and not taken for a fault of the server', async (t) => {
  const { realm, server } = await open(t);
  const sentence = 'A krb5 name that is empty, too long or not plain ASCII cannot be a principal.';
  for (const name of ['al\u00EFce', 'alice\\ ', 'x'.repeat(250), 'x'.repeat(1000)]) {
    const answer = await refusalOf(t, clientOf(t, realm, server, await makePerson(realm, name)));
    t.deepEqual(answer, ['identity-unknown', sentence], name);
  }
  t.deepEqual(server.opened, []);
});

test.serial('a delegated ticket is refused', async (t) => {
  const { realm, server, alice } = await open(t, ['-f']);
  refused(
    t, await knock(server.port, target(realm), wellBehaved(await initiate(alice, { flags: usual | flags.delegate }))), 'ticket-invalid',
    'The client delegated its ticket, which no compile server may have: kdestroy and a new kinit end what was delegated.',
  );
});

test.serial('SPNEGO and whatever else is no token of the krb5 mechanism is refused', async (t) => {
  const { realm, server, alice } = await open(t);
  const sentence = 'The token is not one of the Kerberos mechanism itself; SPNEGO and others are not accepted.';
  const spnego = await initiate(alice, { mechanism: kerberos.GSS_MECH_OID_SPNEGO });
  refused(t, await knock(server.port, target(realm), wellBehaved(spnego)), 'ticket-invalid', sentence);
  const { token } = await initiate(alice);
  const microsoft = Buffer.concat([Buffer.from([0x60, 0x10, 0x06, 0x09]), Buffer.from('2a864882f712010202', 'hex'), token.subarray(20)]);
  const texts = [Buffer.from('garbage'), Buffer.from('NTLMSSP\0'), Buffer.from([0x60]), Buffer.from([0x60, 0xff]), Buffer.alloc(65_536)];
  for (const bytes of [...texts, microsoft]) {
    refused(t, await knock(server.port, target(realm), say(bytes)), 'ticket-invalid', sentence);
  }
  const cut = await knock(server.port, target(realm), say(token.subarray(0, 200)));
  t.is((cut as WardError).code, 'ticket-invalid');
});

test.serial('a context in which the server would not prove itself is refused', async (t) => {
  const { realm, server, alice } = await open(t);
  const oneSided = await initiate(alice, { flags: usual & ~flags.mutual });
  const answer = await knock(server.port, target(realm), wellBehaved(oneSided));
  refused(t, answer, 'ticket-invalid', 'The Kerberos context is not mutual, or cannot encrypt.');
});

test.serial('a ticket for another service is refused, whatever the client says it means', async (t) => {
  const { realm, server, alice } = await open(t);
  await makeKeytab(realm, 'other.keytab', 'other/localhost');
  refused(t, await knock(server.port, target(realm), wellBehaved(await initiate(alice, { service: 'other@localhost' }))), 'ticket-invalid',
    'The ticket is for another service than wardcc/localhost@WARDCC.TEST.');
});

test.serial('a proof for another connection, reflected, or of the wrong side is refused', async (t) => {
  const { realm, server, alice } = await open(t);
  const elsewhere = 'The proof of the client is for another connection: somebody may be relaying it.';
  const proving = async (make: (io: AuthIo) => string): Promise<string | WardError> => {
    const initiator = await initiate(alice);
    return knock(server.port, target(realm), async (io) => {
      io.send(initiator.token);
      await initiator.step(await io.receive());
      io.send(await initiator.seal(make(io)));
      await io.receive();
    });
  };
  const otherTls = (io: AuthIo): AuthIo => ({ ...io, exporter: (_, length) => Buffer.alloc(length, 1) });
  refused(t, await proving((io) => proofText('client', otherTls(io))), 'binding-mismatch', elsewhere);
  refused(t, await proving((io) => proofText('client', { ...io, transcript: () => Buffer.alloc(32) })), 'binding-mismatch', elsewhere);
  refused(t, await proving((io) => proofText('server', io)), 'binding-mismatch', elsewhere);
  refused(t, await proving((io) => `${proofText('client', io)}0`), 'binding-mismatch', elsewhere);
});

test.serial('a relay between two TLS connections gets nothing, and both ends are told', async (t) => {
  const { realm, server, alice } = await open(t);
  const { cert, key } = selfSigned(realm.directory);
  const relay = createTlsServer({ cert: read(cert), key: read(key), minVersion: 'TLSv1.3' }, (victim) => {
    const genuine = tlsConnect({ host: '127.0.0.1', port: server.port, minVersion: 'TLSv1.3', rejectUnauthorized: false });
    for (const socket of [victim, genuine]) socket.on('error', () => {});
    victim.pipe(genuine).pipe(victim);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  t.teardown(() => relay.close());
  const { port } = relay.address() as AddressInfo;
  t.deepEqual(await refusalOf(t, clientOf(t, realm, { name: `127.0.0.1:${port}` }, alice)), [
    'binding-mismatch', 'The proof of the client is for another connection: somebody may be relaying it.',
  ]);
  t.deepEqual(server.opened, []);
  t.deepEqual(server.refused.map(({ code }) => code), ['binding-mismatch']);
});

/** A server of somebody else: TLS and the protocol are genuine, the rest is what the test does. */
const impostor = async (
  t: ExecutionContext<unknown>, directory: string, accept: (io: AuthIo) => Promise<void>,
): Promise<{ name: string }> => {
  const { cert, key } = selfSigned(directory);
  const https = createHttpsServer({ cert: read(cert), key: read(key), minVersion: 'TLSv1.3' });
  answerUpgrades<TLSSocket>(https, {
    refused: () => {},
    opened: (webSocket, socket) => {
      const authenticators = new Map([['krb5', { accept }]] as const);
      serverHandshake(webSocketTransport(webSocket), { authenticators, exporter: tlsExporter(socket) }).catch(() => {});
    },
  });
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    https.close();
    https.closeAllConnections();
  });
  return { name: `127.0.0.1:${(https.address() as AddressInfo).port}` };
};

test.serial('a server without the key of the service proves nothing to the client', async (t) => {
  const { realm, alice } = await open(t);
  const answer = async (reply: (token: Buffer) => Buffer): Promise<[string, string]> => {
    const server = await impostor(t, realm.directory, async (io) => {
      io.send(reply(await io.receive()));
      await io.receive();
    });
    return refusalOf(t, clientOf(t, realm, server, alice));
  };
  const sentence = 'The server could not prove that it has the key of wardcc/localhost@WARDCC.TEST.';
  t.deepEqual(await answer((token) => token), ['server-untrusted', sentence], 'what the client sent, sent back');
  t.deepEqual(await answer(() => Buffer.from('trust me')), ['server-untrusted', sentence]);
});

test.serial('a server with the key but behind another connection, or with half a proof, is refused by the client', async (t) => {
  const { realm, server, alice } = await open(t);
  const prove = async (make: (io: AuthIo, seal: (message: Buffer) => Buffer) => Buffer): Promise<[string, string]> =>
    refusalOf(t, clientOf(t, realm, await impostor(t, realm.directory, async (io) => {
      const { token, context } = await server.keys.accept(await io.receive());
      io.send(token);
      await io.receive();
      io.send(make(io, (message) => native().gssSeal(context, message)));
    }), alice));
  const wrongKey = 'The proof of the server was not made with the key of wardcc/localhost@WARDCC.TEST.';
  const elsewhere = 'The proof of wardcc/localhost@WARDCC.TEST is for another connection: somebody may be relaying it.';
  t.deepEqual(await prove(() => Buffer.alloc(128, 1)), ['binding-mismatch', wrongKey]);
  t.deepEqual(await prove((_, seal) => seal(Buffer.alloc(0))), ['binding-mismatch', wrongKey], 'an empty message never becomes one');
  const wrongSide = await prove((io, seal) => seal(proofMessage(proofText('client', io))));
  t.deepEqual(wrongSide, ['binding-mismatch', elsewhere]);
  const other = (io: AuthIo): AuthIo => ({ ...io, exporter: (_, length) => Buffer.alloc(length, 9) });
  t.deepEqual(await prove((io, seal) => seal(proofMessage(proofText('server', other(io))))), ['binding-mismatch', elsewhere]);
});

test.serial('without a replay cache a server does not start', async (t) => {
  const { realm } = await open(t);
  const krb5 = { keytab: join(realm.directory, 'service.keytab'), service: 'wardcc/localhost', config: realm.environment['KRB5_CONFIG'] };
  const how = 'The environment switches the replay cache of Kerberos off (KRB5RCACHETYPE, KRB5RCACHENAME)';
  const message = `${how}, and without one no ticket is accepted.`;
  for (const env of [{ KRB5RCACHETYPE: 'none' }, { KRB5RCACHENAME: 'none:' }]) {
    t.throws(() => openServiceKeys({ krb5, state: realm.directory }, env), { instanceOf: WardError, code: 'config-invalid', message });
  }
});

test.serial('what would switch the replay cache off behind our back does not', async (t) => {
  const { realm, server, alice } = await open(t);
  t.teardown(() => {
    delete process.env['KRB5RCACHENAME'];
  });
  process.env['KRB5RCACHENAME'] = 'none:';
  const initiator = await initiate(alice);
  await knock(server.port, target(realm), wellBehaved(initiator));
  t.is((await knock(server.port, target(realm), say(initiator.token)) as WardError).code, 'ticket-invalid');
});
