/**
 * A client that does with Kerberos what the agent never does: other flags, other mechanisms, old tokens, made-up bytes.
 *
 * @module
 */
import { connect } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import kerberos from 'kerberos';
import { WebSocket } from 'ws';
import { receiveWelcome } from '../../link/web-socket.ts';
import type { Channel } from '../../protocol/channel.ts';
import { toWardError, type WardError } from '../../protocol/errors.ts';
import { clientHandshake, type AuthIo } from '../../protocol/handshake.ts';
import { isProof, proofText } from '../../protocol/proof.ts';
import { SUBPROTOCOL, tlsExporter, webSocketClientOptions, webSocketTransport } from '../../protocol/transport.ts';
import type { TestRealm } from '../fixtures/realm.ts';

export const flags = Object.freeze({ delegate: 1, mutual: 2, replay: 4, sequence: 8, confidentiality: 16, integrity: 32 });
export const usual = 62;

export interface Initiator {
  readonly token: Buffer;
  step(answer: Buffer): Promise<void>;
  seal(text: string): Promise<Buffer>;
  open(token: Buffer): Promise<Buffer>;
}

/** A context that this process makes itself. `KRB5_CONFIG` of the process counts. */
export const initiate = async (
  cache: string, changes: { flags?: number; service?: string; mechanism?: number } = {},
): Promise<Initiator> => {
  process.env['KRB5CCNAME'] = cache;
  const options = { flags: changes.flags ?? usual, mechOID: changes.mechanism ?? kerberos.GSS_MECH_OID_KRB5 };
  const client = await kerberos.initializeClient(changes.service ?? 'wardcc@localhost', options as object);
  const token = Buffer.from(await client.step(''), 'base64');
  return {
    token,
    step: async (answer) => void (await client.step(answer.toString('base64'))),
    seal: async (text) => Buffer.from(await client.wrap('BwAA/wAAAAA=', { user: text, protect: true }), 'base64'),
    open: async (sealed) => Buffer.from(await client.unwrap(sealed.toString('base64')), 'base64'),
  };
};

/** The whole of the mechanism as it should be. */
export const wellBehaved = (initiator: Initiator) => async (io: AuthIo): Promise<void> => {
  io.send(initiator.token);
  await initiator.step(await io.receive());
  io.send(await initiator.seal(proofText('client', io)));
  const expected = proofText('server', io);
  if (!isProof(await initiator.open(await io.receive()), expected)) throw new Error('the server did not prove itself');
};

/** Sends bytes in place of a token. */
export const say = (token: Buffer) => async (io: AuthIo): Promise<void> => {
  io.send(token);
  await io.receive();
};

export const target = (realm: Pick<TestRealm, 'name'>): string => `wardcc/localhost@${realm.name}`;

export interface Entered {
  readonly principal: string;
  readonly channel: Channel;
}

/** Connects and speaks as it is told, and stays. @throws WardError what ended it */
export const enter = async (
  port: number, means: string, authenticate: (io: AuthIo, socket: TLSSocket) => Promise<void>, localAddress = '127.0.0.1',
): Promise<Entered> => {
  const socket = tlsConnect({ socket: connect({ host: '127.0.0.1', port, localAddress }), minVersion: 'TLSv1.3', rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const webSocket = new WebSocket('ws://localhost/', SUBPROTOCOL, { ...webSocketClientOptions, createConnection: () => socket });
  try {
    await new Promise((resolve, reject) => webSocket.once('open', resolve).once('error', reject));
    const channel = await clientHandshake(webSocketTransport(webSocket), {
      authenticator: { mechanism: 'krb5', target: means, authenticate: (io) => authenticate(io, socket) }, exporter: tlsExporter(socket),
    });
    return { principal: (await receiveWelcome(channel, AbortSignal.timeout(10_000))).principal, channel };
  } catch (thrown) {
    webSocket.terminate();
    throw thrown;
  }
};

/** Connects and speaks as it is told. Resolves with the principal, or with the error that ended it. */
export const knock = async (
  port: number, means: string, authenticate: (io: AuthIo, socket: TLSSocket) => Promise<void>,
): Promise<string | WardError> => {
  try {
    const { principal, channel } = await enter(port, means, authenticate);
    channel.close();
    return principal;
  } catch (thrown) {
    return toWardError(thrown);
  }
};
