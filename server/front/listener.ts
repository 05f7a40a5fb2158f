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
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import { limits } from '../../protocol/limits.ts';
import type { ListenAddress, ServerConfig } from '../config.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { answerUpgrades, httpLimits } from './upgrade.ts';

export interface ListenerEvents {
  /** A WebSocket is open on an authenticated-to-be connection. */
  connection(socket: WebSocket, tls: TLSSocket, address: string): void;
  /** A connection ended before it could begin; counted, never logged one by one. */
  refused(address: string, why: string): void;
}

const readTls = (tls: ServerConfig['tls']): SecureContextOptions => ({
  cert: readFileSync(tls.cert),
  key: readFileSync(tls.key),
  ca: readFileSync(tls.clientCa),
  crl: readFileSync(tls.crl),
  minVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
});

export class Listener {
  readonly #config: ServerConfig;
  readonly #events: ListenerEvents;
  readonly #limits: ConnectionLimits;
  readonly #servers: Server[] = [];

  constructor(config: ServerConfig, events: ListenerEvents) {
    this.#config = config;
    this.#events = events;
    this.#limits = new ConnectionLimits(config.connections);
  }

  /** Listens on every configured address. Resolves with what is listened on, ports filled in. */
  async listen(): Promise<ListenAddress[]> {
    for (const { host, port } of this.#config.listen) {
      const server = this.#createServer();
      this.#servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, () => resolve());
      });
    }
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port };
    });
  }

  /** Certificate, key, CA or revocation list changed on disk: later connections see the new ones. Throws if they do not fit. */
  reloadTls(): void {
    const context = readTls(this.#config.tls);
    for (const server of this.#servers) server.setSecureContext(context);
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  #createServer(): Server {
    const server = createServer({
      ...readTls(this.#config.tls),
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
    server.on('tlsClientError', (error, socket) => this.#events.refused(socket.remoteAddress ?? '', `TLS: ${(error as NodeJS.ErrnoException).code ?? 'error'}`));
    answerUpgrades<TLSSocket>(server, {
      opened: (webSocket, socket) => this.#events.connection(webSocket, socket, socket.remoteAddress ?? ''),
      refused: (socket, why) => this.#events.refused(socket.remoteAddress ?? '', why),
    });
    return server;
  }
}
