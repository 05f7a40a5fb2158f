/**
 * The handshake, both sides: hello, authentication, keys, and then a channel on which nothing goes unkeyed any more.
 *
 *   1. client HELLO: version, nonce, X25519 key, mechanism, the server it means
 *   2. server HELLO: version, nonce, X25519 key
 *   3. AUTH frames as the mechanism needs them, in turns, the last from the server; `cert`, `ssh` and `peer` have none
 *   4. both derive one key a direction from the shared secret, the TLS exporter and the transcript
 *
 * A refusal before the keys is an unkeyed ALERT. With a mechanism without AUTH frames it comes in place of the server's HELLO.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { Channel } from './channel.ts';
import { WardError } from './errors.ts';
import { frameType } from './frame.ts';
import { authIo, HandshakeWire } from './handshake-wire.ts';
import type { AuthIo, Exporter } from './handshake-wire.ts';
import { decodeClientHello, decodeServerHello, encodeClientHello, encodeServerHello, NONCE_BYTES } from './hello.ts';
import type { ClientHello, HelloMechanism } from './hello.ts';
import { deriveKeys, EXPORTER_KEYS, newKeyPair, sharedSecret } from './keys.ts';
import type { KeyPair } from './keys.ts';
import type { Transport } from './transport.ts';

export type { AuthIo, Exporter } from './handshake-wire.ts';
export type { ClientHello, HelloMechanism, Mechanism } from './hello.ts';

export interface ClientAuthenticator {
  readonly mechanism: HelloMechanism;
  /** The server that is meant: it becomes part of the transcript. */
  readonly target: string;
  /**
   * Exchanges AUTH frames; absent for mechanisms that prove identity below (TLS, SSH). Throws WardError when the server fails its
   * proof.
   */
  authenticate?(io: AuthIo): Promise<void>;
}

export interface ServerAuthenticator {
  /**
   * Says who the client is, or throws WardError to refuse. Using `io` sends the server's HELLO first; an authenticator that
   * uses it sends the last AUTH frame itself and accepts by returning after it.
   */
  accept(io: AuthIo, hello: ClientHello): Promise<unknown>;
}

/** What one side brings to its hello. */
export interface HelloSecrets {
  nonce: Buffer;
  pair: KeyPair;
}

export interface HandshakeOptions {
  exporter: Exporter;
  timeoutMs?: number;
  /** Makes the hello; only test vectors give something else than fresh secrets. */
  secrets?: () => HelloSecrets;
}

export interface ClientHandshakeOptions extends HandshakeOptions {
  authenticator: ClientAuthenticator;
}

export interface ServerHandshakeOptions extends HandshakeOptions {
  /** The permitted mechanisms of this connection. */
  authenticators: ReadonlyMap<HelloMechanism, ServerAuthenticator>;
}

export interface Accepted {
  channel: Channel;
  /** What the authenticator returned. */
  identity: unknown;
  mechanism: HelloMechanism;
  target: string;
}

const freshSecrets = (): HelloSecrets => ({ nonce: randomBytes(NONCE_BYTES), pair: newKeyPair() });

/** Exporter bytes for the keys. Only an SSH connection may do without. */
const exportedFor = (mechanism: HelloMechanism, exporter: Exporter): Buffer | undefined => {
  if (mechanism === 'ssh') return undefined;
  const exported = exporter(EXPORTER_KEYS, 32);
  if (exported === undefined) throw new WardError('mechanism-not-permitted', `Mechanism ${mechanism} needs a TLS connection.`);
  return exported;
};

/** Runs the client's side. The channel that it resolves to has sent nothing yet; the server's first message is `welcome`, or `peer-welcome`. */
export const clientHandshake = async (transport: Transport, options: ClientHandshakeOptions): Promise<Channel> => {
  const { authenticator, exporter, secrets = freshSecrets } = options;
  const wire = new HandshakeWire(transport, 'client', options.timeoutMs);
  try {
    const { nonce, pair } = secrets();
    const exported = exportedFor(authenticator.mechanism, exporter);
    const { mechanism, target } = authenticator;
    wire.send(frameType.HELLO, encodeClientHello({ nonce, publicKey: pair.publicKey, mechanism, target }));
    const hello = decodeServerHello(await wire.receive(frameType.HELLO));
    await authenticator.authenticate?.(authIo(wire, exporter, () => {}));
    const keys = deriveKeys(wire.transcript.digest(), sharedSecret(pair.secretKey, hello.publicKey), exported);
    wire.finish();
    return new Channel(wire.transport, { role: 'client', keys, decoder: wire.decoder });
  } catch (thrown) {
    throw wire.abandon(thrown);
  }
};

/** Runs the server's side. Register `onStream` and send `welcome` right after it resolves. */
export const serverHandshake = async (transport: Transport, options: ServerHandshakeOptions): Promise<Accepted> => {
  const { authenticators, exporter, secrets = freshSecrets } = options;
  const wire = new HandshakeWire(transport, 'server', options.timeoutMs);
  try {
    const hello = decodeClientHello(await wire.receive(frameType.HELLO));
    const authenticator = authenticators.get(hello.mechanism);
    if (authenticator === undefined) {
      throw new WardError('mechanism-not-permitted', `This server does not accept mechanism ${hello.mechanism} here.`);
    }
    const exported = exportedFor(hello.mechanism, exporter);
    let pair: KeyPair | undefined;
    const greet = (): KeyPair => {
      if (pair !== undefined) return pair;
      const made = secrets();
      pair = made.pair;
      wire.send(frameType.HELLO, encodeServerHello({ nonce: made.nonce, publicKey: pair.publicKey }));
      return pair;
    };
    const identity = await authenticator.accept(authIo(wire, exporter, greet), hello);
    const { secretKey } = greet();
    const keys = deriveKeys(wire.transcript.digest(), sharedSecret(secretKey, hello.publicKey), exported);
    wire.finish();
    const channel = new Channel(wire.transport, { role: 'server', keys, decoder: wire.decoder });
    return { channel, identity, mechanism: hello.mechanism, target: hello.target };
  } catch (thrown) {
    throw wire.abandon(thrown);
  }
};
