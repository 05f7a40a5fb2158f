/**
 * The upper half of a connection to a compile server: WebSocket `wardcc.1` on bytes that flow both ways already, and the first message of
 * a session.
 *
 * @module
 */
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Channel } from '../protocol/channel.ts';
import { WardError } from '../protocol/errors.ts';
import type { PeerWelcome, Welcome } from '../protocol/messages.ts';
import { SUBPROTOCOL, webSocketClientOptions, webSocketTransport, type Transport } from '../protocol/transport.ts';
import { onAbort } from './on-abort.ts';
import { connectFailed } from './tls.ts';

/**
 * A WebSocket on a connection that is there already. `name` stands in its Host header. It is a transport from the very moment that it is open:
 * what comes together with the server's answer, an error included, finds somebody who listens.
 */
export const openWebSocket = (socket: Duplex, host: { readonly name: string }, name: string, signal: AbortSignal): Promise<Transport> =>
  new Promise((resolve, reject) => {
    const authority = isIP(name) === 6 ? `[${name}]` : name;
    const webSocket = new WebSocket(`ws://${authority}/`, SUBPROTOCOL, { ...webSocketClientOptions, createConnection: () => socket as Socket });
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      reject(connectFailed(host, error));
    };
    const abort = (): void => fail(new Error('it does not answer'));
    webSocket.once('error', fail);
    onAbort(signal, abort);
    webSocket.once('open', () => {
      signal.removeEventListener('abort', abort);
      webSocket.off('error', fail);
      resolve(webSocketTransport(webSocket));
    });
  });

/** The first message, which must be of this type, or why there was none. */
const receiveFirst = <M extends Welcome | PeerWelcome>(type: M['type'], channel: Channel, signal: AbortSignal): Promise<M> =>
  new Promise((resolve, reject) => {
    const abort = (): void => channel.close(new WardError('handshake-timeout', 'The server did not say welcome in time.'));
    onAbort(signal, abort);
    void channel.closed.then((error) => reject(error ?? new WardError('session-lost', 'The server closed the session at once.')));
    channel.onNotice((notice) => {
      signal.removeEventListener('abort', abort);
      // What came together with it is for whoever takes the session over.
      channel.onNotice(undefined);
      if (notice.type === type) resolve(notice as M);
      else channel.close(new WardError('protocol-violation', 'The server said something before it said welcome.'));
    });
  });

/** @throws WardError what the server refused a person for */
export const receiveWelcome = (channel: Channel, signal: AbortSignal): Promise<Welcome> => receiveFirst('welcome', channel, signal);

/** @throws WardError what the server refused another server for */
export const receivePeerWelcome = (channel: Channel, signal: AbortSignal): Promise<PeerWelcome> => receiveFirst('peer-welcome', channel, signal);
