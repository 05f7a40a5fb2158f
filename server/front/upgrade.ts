/**
 * From an HTTP request to a WebSocket `wardcc.1`, the same over TLS and over the bridge's socket. A request with an Origin header comes
 * from a browser and is refused.
 *
 * @module
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { limits } from '../../protocol/limits.ts';
import { SUBPROTOCOL, webSocketServerOptions } from '../../protocol/transport.ts';

/** Limits of an HTTP server before the upgrade. */
export const httpLimits = Object.freeze({
  headersTimeout: limits.handshakeMs,
  requestTimeout: limits.handshakeMs,
  maxHeaderSize: 8192,
  keepAliveTimeout: 1,
  // How often the two times above are looked at: by default every 30 seconds.
  connectionsCheckingInterval: 1000,
});

export interface UpgradeEvents<S extends Duplex> {
  opened(webSocket: WebSocket, socket: S): void;
  /** Counted, never logged one by one. */
  refused(socket: S, why: string): void;
}

/** Makes an HTTP server answer upgrades, and nothing else. */
export const answerUpgrades = <S extends Duplex>(server: Server | TlsServer, events: UpgradeEvents<S>): void => {
  const webSockets = new WebSocketServer(webSocketServerOptions);
  server.on('request', (_request, response) => response.writeHead(426, { connection: 'close' }).end());
  server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as S;
    const refuse = (status: string, why: string): void => {
      events.refused(socket, why);
      // After an upgrade nobody else listens: a peer that resets the connection now, or keeps its half open, must do no harm.
      socket.once('error', () => socket.destroy());
      socket.once('finish', () => socket.destroy());
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    if (request.headers.origin !== undefined) return refuse('403 Forbidden', 'Origin header');
    if (request.url !== '/' || !(request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/).includes(SUBPROTOCOL)) {
      return refuse('400 Bad Request', `not ${SUBPROTOCOL}`);
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => events.opened(webSocket, socket));
  });
};
