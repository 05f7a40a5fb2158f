/**
 * The only place that listens on the network: TLS 1.3, then the WebSocket upgrade, then the handshake of the protocol.
 *
 * What always holds here: no TLS session is ever resumed (a resumed one would skip the revocation list); a request with an
 * Origin header comes from a browser and is refused; limits count before authentication; a client certificate is looked at
 * by the authenticator alone, with OpenSSL's verdict in hand, so that a refusal has a reason.
 *
 * @module
 */
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { WebSocketServer, type WebSocket } from 'ws';
import { limits } from '../../protocol/limits.ts';
import { SUBPROTOCOL, webSocketServerOptions } from '../../protocol/transport.ts';
import type { ListenAddress, ServerConfig } from '../config.ts';
import { ConnectionLimits } from './connection-limits.ts';

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
  readonly #webSockets: WebSocketServer;
  readonly #servers: Server[] = [];

  constructor(config: ServerConfig, events: ListenerEvents) {
    this.#config = config;
    this.#events = events;
    this.#limits = new ConnectionLimits(config.connections);
    this.#webSockets = new WebSocketServer(webSocketServerOptions);
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
      headersTimeout: limits.handshakeMs,
      requestTimeout: limits.handshakeMs,
      maxHeaderSize: 8192,
      keepAliveTimeout: 1,
    });
    server.on('connection', (socket: Duplex & { remoteAddress?: string }) => {
      const leave = this.#limits.enter(socket.remoteAddress ?? '');
      if (leave !== undefined) return void socket.once('close', leave);
      this.#events.refused(socket.remoteAddress ?? '', 'too many connections');
      socket.destroy();
    });
    server.on('tlsClientError', (error, socket) => this.#events.refused(socket.remoteAddress ?? '', `TLS: ${(error as NodeJS.ErrnoException).code ?? 'error'}`));
    server.on('request', (_request, response) => response.writeHead(426, { connection: 'close' }).end());
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as TLSSocket, head));
    return server;
  }

  #upgrade(request: IncomingMessage, socket: TLSSocket, head: Buffer): void {
    const address = socket.remoteAddress ?? '';
    const refuse = (status: string, why: string): void => {
      this.#events.refused(address, why);
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    if (request.headers.origin !== undefined) return refuse('403 Forbidden', 'Origin header');
    if (request.url !== '/' || !(request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/).includes(SUBPROTOCOL)) {
      return refuse('400 Bad Request', `not ${SUBPROTOCOL}`);
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#events.connection(webSocket, socket, address));
  }
}
