/**
 * The only place that listens on the network: TLS 1.3, then the WebSocket upgrade, then the handshake of the protocol.
 *
 * What always holds here: no TLS session is ever resumed (a resumed one would skip the revocation list); limits count before
 * authentication; a client certificate is looked at by the authenticator alone, with OpenSSL's verdict in hand, so that a refusal
 * has a reason.
 *
 * @module
 */
import { constants } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import { readGuardedSync } from '../../policy/guarded-read.ts';
import { WardError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import { PEER_SERVERNAME } from '../../protocol/transport.ts';
import type { ListenAddress, ServerConfig } from '../config.ts';
import type { ClientAuthorities } from './authenticate-cert.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { answerUpgrades, httpLimits } from './upgrade.ts';

export interface ListenerEvents {
  /** A WebSocket is open on an authenticated-to-be connection. */
  connection(socket: WebSocket, tls: TLSSocket, address: string): void;
  /** A connection ended before it could begin; counted, never logged one by one. */
  refused(address: string, why: string): void;
}

/** Whose certificates are accepted on which kind of connection; absent: nobody's. */
export interface ListenerAuthorities {
  readonly people: ClientAuthorities | undefined;
  readonly peers?: ClientAuthorities | undefined;
}

const maxBytes = 2 ** 20;

export interface ServerIdentity {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Certificate and key of this server. @throws WardError when they cannot be used together. */
const readIdentity = ({ cert: certFile, key: keyFile }: ServerConfig['tls']): ServerIdentity => {
  const cert = readGuardedSync(certFile, { maxBytes });
  const key = readGuardedSync(keyFile, { maxBytes, secret: true });
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new WardError('config-invalid', `${certFile} and ${keyFile} cannot be used together (${(cause as Error).message})`, { at: certFile, cause });
  }
  return { cert, key };
};

export class Listener {
  readonly #config: Pick<ServerConfig, 'listen' | 'tls' | 'connections'>;
  readonly #events: ListenerEvents;
  readonly #authorities: ListenerAuthorities;
  readonly #limits: ConnectionLimits;
  #identity: ServerIdentity;
  /** For connections of other servers of the farm. */
  #peers: SecureContext | undefined;
  readonly #servers: Server[] = [];
  /** The name by which it was chosen whose certificates are accepted on a connection. */
  readonly #names = new WeakMap<TLSSocket, string>();

  /** @throws WardError when this server's certificate and key cannot be used */
  constructor(config: Pick<ServerConfig, 'listen' | 'tls' | 'connections'>, authorities: ListenerAuthorities, events: ListenerEvents) {
    this.#config = config;
    this.#authorities = authorities;
    this.#identity = readIdentity(config.tls);
    this.#events = events;
    this.#limits = new ConnectionLimits(config.connections);
    this.#peers = this.#peerContext();
  }

  /** Certificate and key in force. */
  get identity(): ServerIdentity {
    return this.#identity;
  }

  /**
   * Listens on every configured address, or on sockets that were opened before. Resolves with what is listened on, ports filled in.
   *
   * @param opened descriptors of sockets that systemd opened: then the addresses are its matter
   */
  async listen(opened?: readonly number[]): Promise<ListenAddress[]> {
    for (const where of opened?.map((fd) => ({ fd })) ?? this.#config.listen) {
      const server = this.#createServer();
      this.#servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(where, () => resolve());
      });
    }
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port };
    });
  }

  /** Reads certificate and key again. @throws WardError when they cannot be used: then the last good ones stay */
  reloadIdentity(): void {
    this.#identity = readIdentity(this.#config.tls);
  }

  /** From now on connections see what was loaded last: identity, CAs and revocation lists. */
  renew(): void {
    for (const server of this.#servers) server.setSecureContext(this.#context(this.#authorities.people));
    this.#peers = this.#peerContext();
  }

  #peerContext(): SecureContext | undefined {
    const { peers } = this.#authorities;
    return peers === undefined ? undefined : createSecureContext(this.#context(peers));
  }

  #context(authorities: ClientAuthorities | undefined): SecureContextOptions {
    return { ...this.#identity, ...authorities?.context, minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET };
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  #createServer(): Server {
    const chosen = this.#names;
    const contextFor = (name: string): SecureContext | undefined => (name === PEER_SERVERNAME ? this.#peers : undefined);
    const server = createServer({
      ...this.#context(this.#authorities.people),
      // Who comes as a server is judged by the CA for servers alone, whatever CA names people.
      SNICallback(this: TLSSocket, name, answer) {
        chosen.set(this, name);
        answer(null, contextFor(name));
      },
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
      ...httpLimits,
    });
    server.on('connection', (socket: Duplex & { remoteAddress?: string }) => {
      const leave = this.#limits.enter(socket.remoteAddress ?? '');
      if (leave !== undefined) return void socket.once('close', leave);
      this.#events.refused(socket.remoteAddress ?? '', 'too many connections');
      socket.destroy();
    });
    // A client that is asked for another key share says its name again, and OpenSSL believes the second one; the CA was chosen by the first.
    server.on('secureConnection', (socket: TLSSocket) => {
      if ((chosen.get(socket) ?? false) === (socket.servername ?? false)) return;
      this.#events.refused(socket.remoteAddress ?? '', 'TLS: two server names');
      socket.destroy();
    });
    server.on('tlsClientError', (error, socket) => this.#events.refused(socket.remoteAddress ?? '', `TLS: ${(error as NodeJS.ErrnoException).code ?? 'error'}`));
    answerUpgrades<TLSSocket>(server, {
      opened: (webSocket, socket) => this.#events.connection(webSocket, socket, socket.remoteAddress ?? ''),
      refused: (socket, why) => this.#events.refused(socket.remoteAddress ?? '', why),
    });
    return server;
  }
}
