import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { WardError, type ErrorCode } from '../../protocol/errors.ts';
import { encodeFrame, frameType } from '../../protocol/frame.ts';
import { clientHandshake, serverHandshake } from '../../protocol/handshake.ts';
import type { AuthIo, ClientAuthenticator, ServerAuthenticator, ServerHandshakeOptions } from '../../protocol/handshake.ts';
import { decodeClientHello, decodeServerHello, encodeClientHello, encodeServerHello } from '../../protocol/hello.ts';
import { bindingDigest, deriveKeys, EXPORTER_BINDING, newKeyPair, sharedSecret } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import { acceptAll, certClient, fixedExporter, sessionPair, transportPair, until } from './pair.ts';

const certOnly = new Map([['cert', acceptAll]] as const);

/** A mechanism in the manner of Kerberos: a token each way, then a proof each way, over exporter and transcript. */
const tokenClient = (changes: { token?: Buffer; proof?: (digest: Buffer) => Buffer } = {}): ClientAuthenticator => ({
  mechanism: 'krb5',
  target: 'wardcc/build1.corp.example',
  authenticate: async (io: AuthIo) => {
    io.send(changes.token ?? Buffer.from('ticket of alice'));
    if ((await io.receive()).toString() !== 'mutual') throw new WardError('server-untrusted', 'The server did not prove itself.');
    const mine = bindingDigest('client', io.exporter(EXPORTER_BINDING, 32)!, io.transcript());
    io.send(changes.proof?.(mine) ?? mine);
    const expected = bindingDigest('server', io.exporter(EXPORTER_BINDING, 32)!, io.transcript());
    if (!(await io.receive()).equals(expected)) {
      throw new WardError('binding-mismatch', 'The server is not the one at the other end of TLS.');
    }
  },
});

const tokenServer: ServerAuthenticator = {
  accept: async (io, hello) => {
    const token = (await io.receive()).toString();
    if (!token.startsWith('ticket of ')) throw new WardError('ticket-invalid', 'The token was not accepted.');
    io.send(Buffer.from('mutual'));
    const expected = bindingDigest('client', io.exporter(EXPORTER_BINDING, 32)!, io.transcript());
    if (!(await io.receive()).equals(expected)) throw new WardError('binding-mismatch', 'The proof is not for this connection.');
    io.send(bindingDigest('server', io.exporter(EXPORTER_BINDING, 32)!, io.transcript()));
    return `${token.slice('ticket of '.length)} at ${hello.target}`;
  },
};

test('a mechanism without AUTH frames needs one frame each way', async (t) => {
  const { client, accepted, clientTransport, serverTransport } = await sessionPair();
  t.is(accepted.identity, 'alice');
  t.is(accepted.mechanism, 'cert');
  t.is(accepted.target, 'localhost');
  t.is(clientTransport.sends, 1);
  t.is(serverTransport.sends, 1);
  t.true(await client.ping() >= 0);
});

test('a mechanism with AUTH frames exchanges tokens and proofs bound to the connection', async (t) => {
  const { client, server, accepted } = await sessionPair(tokenClient(), new Map([['krb5', tokenServer]]));
  t.is(accepted.identity, 'alice at wardcc/build1.corp.example');
  t.true(await client.ping() >= 0);
  t.true(await server.ping() >= 0);
});

test('a token of 128 KiB fits', async (t) => {
  const token = Buffer.concat([Buffer.from('ticket of '), Buffer.alloc(limits.authBytes - 10, 0x61)]);
  const { accepted } = await sessionPair(tokenClient({ token }), new Map([['krb5', tokenServer]]));
  t.is((accepted.identity as string).length, limits.authBytes - 10 + ' at wardcc/build1.corp.example'.length);
});

const both = async (
  client: ClientAuthenticator, authenticators: ServerHandshakeOptions['authenticators'], exporters = [fixedExporter, fixedExporter],
) => {
  const [clientTransport, serverTransport] = transportPair();
  return Promise.allSettled([
    clientHandshake(clientTransport, { authenticator: client, exporter: exporters[0]! }).then(async (channel) => {
      await channel.ping();
      return channel;
    }),
    serverHandshake(serverTransport, { authenticators, exporter: exporters[1]! }),
  ]);
};

const reasonOf = (settled: PromiseSettledResult<unknown>): WardError => (settled as PromiseRejectedResult).reason as WardError;

test('a refused token is an error with its code on both sides', async (t) => {
  const settled = await both(tokenClient({ token: Buffer.from('garbage') }), new Map([['krb5', tokenServer]]));
  for (const side of settled) {
    t.is(reasonOf(side).code, 'ticket-invalid');
    t.is(reasonOf(side).message, 'The token was not accepted.');
  }
});

test('a proof that is made for another connection is refused', async (t) => {
  const other: typeof fixedExporter = (label, length) => Buffer.alloc(length, `${label}!`);
  for (const side of await both(tokenClient(), new Map([['krb5', tokenServer]]), [other, fixedExporter])) {
    t.is(reasonOf(side).code, 'binding-mismatch');
  }
  const reflected = await both(tokenClient({ proof: (digest) => Buffer.from(digest).reverse() }), new Map([['krb5', tokenServer]]));
  for (const side of reflected) t.is(reasonOf(side).code, 'binding-mismatch');
});

test('without proofs, another TLS connection in between gives other keys and the first frame ends the session', async (t) => {
  const other: typeof fixedExporter = (label, length) => Buffer.alloc(length, `${label}!`);
  const [client, server] = await both(certClient, certOnly, [other, fixedExporter]);
  t.is(reasonOf(client!).code, 'bad-tag');
  t.is((await (server as PromiseFulfilledResult<Awaited<ReturnType<typeof serverHandshake>>>).value.channel.closed)?.code, 'bad-tag');
});

test('a mechanism that this server does not permit is refused by name', async (t) => {
  for (const side of await both(tokenClient(), certOnly)) {
    t.is(reasonOf(side).code, 'mechanism-not-permitted');
    t.is(reasonOf(side).message, 'This server does not accept mechanism krb5 here.');
  }
});

test('only ssh does without an exporter', async (t) => {
  const none = (): undefined => undefined;
  t.is(reasonOf((await both(certClient, certOnly, [none, none]))[0]!).code, 'mechanism-not-permitted');
  const settled = await both({ mechanism: 'ssh', target: 'localhost' }, new Map([['ssh', acceptAll]]), [none, none]);
  t.deepEqual(settled.map(({ status }) => status), ['fulfilled', 'fulfilled']);
});

test('an authenticator that refuses before the hello is answered with its error in place of the hello', async (t) => {
  const refuse: ServerAuthenticator = { accept: () => Promise.reject(new WardError('certificate-revoked', 'Revoked on Monday.')) };
  for (const side of await both(certClient, new Map([['cert', refuse]]))) {
    t.is(reasonOf(side).code, 'certificate-revoked');
    t.is(reasonOf(side).message, 'Revoked on Monday.');
  }
});

test('what goes wrong inside the server is not told to a stranger', async (t) => {
  const broken: ServerAuthenticator = { accept: () => Promise.reject(new Error('secret path /etc/shadow')) };
  const [client, server] = await both(certClient, new Map([['cert', broken]]));
  t.is(reasonOf(client!).code, 'internal');
  t.false(reasonOf(client!).message.includes('secret'));
  t.true(reasonOf(server!).message.includes('secret'));
});

test('a silent peer is given up in time', async (t) => {
  const [clientTransport, serverTransport] = transportPair();
  serverTransport.stalled = true;
  await t.throwsAsync(
    clientHandshake(clientTransport, { authenticator: certClient, exporter: fixedExporter, timeoutMs: 30 }),
    { instanceOf: WardError, code: 'handshake-timeout', message: 'The handshake did not end within 30 ms.' },
  );
  const [, lonely] = transportPair();
  await t.throwsAsync(
    serverHandshake(lonely, { authenticators: certOnly, exporter: fixedExporter, timeoutMs: 30 }),
    { instanceOf: WardError, code: 'handshake-timeout' },
  );
  t.true(lonely.closed);
});

test('a connection that ends during the handshake says so', async (t) => {
  const [clientTransport, serverTransport] = transportPair();
  const handshake = clientHandshake(clientTransport, { authenticator: certClient, exporter: fixedExporter });
  serverTransport.close();
  await t.throwsAsync(handshake, { instanceOf: WardError, code: 'session-lost', message: /The connection ended during the handshake/ });
});

/** What a server makes of these bytes. */
const serverTakes = async (bytes: Buffer | Buffer[], timeoutMs = 60_000): Promise<WardError> => {
  const [clientTransport, serverTransport] = transportPair();
  for (const piece of [bytes].flat()) serverTransport.deliver(piece);
  const accepting = serverHandshake(
    serverTransport, { authenticators: new Map([['cert', acceptAll], ['krb5', tokenServer]]), exporter: fixedExporter, timeoutMs },
  );
  const error = await accepting.then(() => undefined, (thrown: WardError) => thrown);
  await until(() => clientTransport.closed);
  return error!;
};

const hello = (changes: Partial<Parameters<typeof encodeClientHello>[0]> = {}): Buffer =>
  encodeClientHello({ nonce: randomBytes(32), publicKey: newKeyPair().publicKey, mechanism: 'cert', target: 'localhost', ...changes });
const helloFrame = (payload: Buffer, sequence = 0): Buffer => encodeFrame(frameType.HELLO, 0, 0, sequence, payload);

test('what no client may send before its keys ends the connection with a code', async (t) => {
  const other = hello();
  other.writeUInt16BE(2, 4);
  const wrongMechanism = hello();
  wrongMechanism.write('c3rt', 71, 'latin1');
  const rows: [string, Buffer | Buffer[], ErrorCode][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'protocol-violation'],
    ['an AUTH frame first', encodeFrame(frameType.AUTH, 0, 0, 0, Buffer.from('x')), 'protocol-violation'],
    ['another magic', helloFrame(Buffer.from('DRAW00')), 'protocol-violation'],
    ['another version', helloFrame(other), 'version-mismatch'],
    ['a short hello', helloFrame(hello().subarray(0, 60)), 'protocol-violation'],
    ['a long hello', helloFrame(Buffer.concat([hello(), Buffer.from([0])])), 'protocol-violation'],
    ['an unknown mechanism', helloFrame(wrongMechanism), 'mechanism-not-permitted'],
    ['a sequence that does not begin at 0', helloFrame(hello(), 1), 'bad-sequence'],
    ['a low-order key', helloFrame(hello({ publicKey: Buffer.alloc(32) })), 'protocol-violation'],
    [
      'more bytes than a stranger may send', [helloFrame(hello({ mechanism: 'krb5', target: 'x' })), Buffer.alloc(limits.handshakeBytes)],
      'limit-exceeded',
    ],
    ['more pieces than a stranger may send', Array.from({ length: limits.handshakePieces + 2 }, () => Buffer.from([1])), 'limit-exceeded'],
    ['an alert', encodeFrame(frameType.ALERT, 0, 0, 0, Buffer.from('{"code":"cancelled","message":"bye"}')), 'cancelled'],
    ['an alert that is no JSON', encodeFrame(frameType.ALERT, 0, 0, 0, Buffer.from('{]')), 'protocol-violation'],
  ];
  for (const [what, bytes, code] of rows) t.is((await serverTakes(bytes)).code, code, what);
  t.is((await serverTakes(helloFrame(hello()).subarray(0, 50), 300)).code, 'handshake-timeout', 'silence after half a hello');
});

test('an authentication that never ends is cut off', async (t) => {
  const endless: ServerAuthenticator = {
    accept: async (io) => {
      for (;;) {
        await io.receive();
        io.send(Buffer.from('more'));
      }
    },
  };
  const [client, server] = await both({
    mechanism: 'krb5', target: 'x', authenticate: async (io) => {
      for (;;) {
        io.send(Buffer.from('more'));
        await io.receive();
      }
    },
  }, new Map([['krb5', endless]]));
  t.is(reasonOf(client!).code, 'limit-exceeded');
  t.is(reasonOf(server!).code, 'limit-exceeded');
});

test('an authenticator is told when its handshake has ended', async (t) => {
  const [, serverTransport] = transportPair();
  serverTransport.deliver(helloFrame(hello({ mechanism: 'krb5' })));
  let aborted = false;
  const waits: ServerAuthenticator = {
    accept: (io) => new Promise((_, reject) => io.signal.addEventListener('abort', () => {
      aborted = true;
      reject(io.signal.reason);
    })),
  };
  await t.throwsAsync(
    serverHandshake(serverTransport, { authenticators: new Map([['krb5', waits]]), exporter: fixedExporter, timeoutMs: 30 }),
    { instanceOf: WardError, code: 'handshake-timeout' },
  );
  t.true(aborted);
});

test('hellos come back as they were written, and nothing else is a hello', (t) => {
  const anyNonce = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const anyMechanism = fc.constantFrom('krb5', 'cert', 'ssh');
  fc.assert(fc.property(anyNonce, anyMechanism, fc.stringMatching(/^[!-~]{1,60}$/), (bytes, mechanism, target) => {
    const nonce = Buffer.from(bytes);
    const client = { nonce, publicKey: Buffer.from(nonce).reverse(), mechanism, target } as const;
    t.deepEqual(decodeClientHello(encodeClientHello(client)), client);
    const server = { nonce, publicKey: client.publicKey };
    t.deepEqual(decodeServerHello(encodeServerHello(server)), server);
    const encoded = encodeClientHello(client);
    for (let length = 0; length < encoded.length; length++) {
      t.throws(() => decodeClientHello(encoded.subarray(0, length)), { instanceOf: WardError });
    }
    t.throws(() => decodeServerHello(encoded), { instanceOf: WardError, code: 'protocol-violation' });
  }), { numRuns: 30 });
});

test('the keys depend on everything', (t) => {
  const [a, b] = [newKeyPair(), newKeyPair()];
  const shared = sharedSecret(a.secretKey, b.publicKey);
  t.deepEqual(sharedSecret(b.secretKey, a.publicKey), shared);
  const transcript = Buffer.alloc(32, 1);
  const keys = deriveKeys(transcript, shared, Buffer.alloc(32, 2));
  t.notDeepEqual(keys.client, keys.server);
  const others = [
    deriveKeys(Buffer.alloc(32), shared, Buffer.alloc(32, 2)),
    deriveKeys(transcript, Buffer.alloc(32, 9), Buffer.alloc(32, 2)),
    deriveKeys(transcript, shared, undefined),
  ];
  for (const other of others) {
    t.notDeepEqual(other.client, keys.client);
    t.notDeepEqual(other.server, keys.server);
  }
  t.deepEqual(deriveKeys(transcript, shared, undefined), deriveKeys(transcript, shared, Buffer.alloc(32)));
});

test('a hello with any bit changed ends with a code, or is another hello', async (t) => {
  const codes = new Map<string, number>();
  const original = helloFrame(hello());
  for (let run = 0; run < 1200; run++) {
    const changed = Buffer.from(original);
    changed[run % changed.length]! ^= 1 << (run % 8) || 1;
    const [, serverTransport] = transportPair();
    let answer = '';
    serverTransport.change = (bytes) => {
      answer = bytes[0] === frameType.HELLO ? 'hello' : 'alert';
      return [];
    };
    serverTransport.deliver(changed);
    const outcome = await serverHandshake(serverTransport, { authenticators: certOnly, exporter: fixedExporter, timeoutMs: 50 })
      .then(() => 'accepted', (error: WardError) => error.code);
    await until(() => answer !== '');
    codes.set(outcome, (codes.get(outcome) ?? 0) + 1);
  }
  t.log(Object.fromEntries(codes));
  // A change of nonce, key or target is still a hello: it changes the keys instead.
  t.true((codes.get('accepted') ?? 0) > 0);
  t.true((codes.get('protocol-violation') ?? 0) > 0);
});
