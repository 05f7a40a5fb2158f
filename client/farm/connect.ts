/**
 * One connection to one server over TLS, from the address to the server's `welcome`.
 *
 *  1. TCP and TLS 1.3, no ticket, no ALPN; with `cert` the client certificate is offered, with `krb5` none
 *  2. `cert`: OpenSSL's verdict on the server's chain and revocation, then a name that is trusted and the server marker. `krb5`: any
 *     certificate will do here, because step 4 proves who is at the other end of this very TLS connection
 *  3. WebSocket `wardcc.1` on that very TLS connection
 *  4. handshake, keyed channel, `welcome`
 *
 * A server that fails step 2 has learned that somebody connected, and nothing else of ours but the public certificate.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { checkServer } from '../../certs/inspect.ts';
import { serverRefusal } from '../../certs/verdict.ts';
import { cleanText } from '../../protocol/alert.ts';
import type { Channel } from '../../protocol/channel.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { clientHandshake } from '../../protocol/handshake.ts';
import { canPack } from '../../protocol/packing.ts';
import type { Welcome } from '../../protocol/messages.ts';
import { SUBPROTOCOL, tlsExporter, webSocketClientOptions, webSocketTransport } from '../../protocol/transport.ts';
import type { TrustConfig } from '../config.ts';
import type { CertCredential } from '../credentials/cert.ts';
import type { Krb5Context } from '../credentials/krb5-helper.ts';
import { krb5Authenticator } from '../credentials/krb5.ts';
import { Contents } from './contents.ts';
import { named } from './failure.ts';
import type { Host, TcpHost } from './hosts.ts';

export interface Connection {
  readonly channel: Channel;
  readonly welcome: Welcome;
  /** What the server is known to have. */
  readonly contents: Contents;
  /** Contents and results go packed: the server knows how, and is on another host. */
  readonly packs: boolean;
}

export interface ConnectOptions {
  readonly host: TcpHost;
  readonly trust: TrustConfig;
  readonly credential: CertCredential | Krb5Context;
  readonly signal: AbortSignal;
}

const isCert = (credential: ConnectOptions['credential']): credential is CertCredential => 'certPem' in credential;

/** What the system says when there is no connection, in words. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name cannot be looked up now',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to its network',
  EPIPE: 'it closed the connection',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there does not speak TLS',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it does not speak TLS 1.3',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it does not speak TLS 1.3',
};

export const connectFailed = (host: Host, error: NodeJS.ErrnoException): WardError => {
  // Several addresses of one name fail together as one error without a message.
  const code = error.code ?? (error as unknown as AggregateError).errors?.[0]?.code ?? '';
  const reason = reasons[code] ?? cleanText(error.message || code, 200);
  return new WardError('connect-failed', `The server ${host.name} cannot be reached: ${reason}.`, { at: host.name, cause: error });
};

const readTrust = (what: string, path: string | undefined): Buffer => {
  if (path === undefined) throw new WardError('config-invalid', `client.jsonc does not say ${what}, so no server can be trusted.`);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new WardError('config-invalid', `The file ${path} (${what} in client.jsonc) cannot be read.`, { at: path, cause });
  }
};

/**
 * Names that the certificate may be for: exactly the host where it is a trusted name itself, else any trusted one. A host that DNS named
 * must be a trusted name itself.
 */
const expectedNames = (host: TcpHost, trust: TrustConfig): readonly string[] => {
  if (trust.servers.length === 0) {
    throw new WardError('config-invalid', 'client.jsonc does not say trust.servers, so no server can be trusted.');
  }
  if (trust.servers.includes(host.host)) return [host.host];
  if (host.discovered === undefined) return trust.servers;
  const sentence = `DNS names ${host.host} as a server of ${host.discovered}, but it is no name in trust.servers: whoever answers for DNS cannot make it one.`;
  throw new WardError('server-untrusted', sentence, { at: host.name });
};

/** The one name that a server must have by Kerberos. Unlike a certificate, a ticket must be asked for by name. */
export const krb5HostName = (host: TcpHost, trust: TrustConfig): string => {
  const [name, ...others] = expectedNames(host, trust);
  if (others.length === 0) return name!;
  const sentence = `${host.name} is not a name in trust.servers, which has several: Kerberos cannot know which server is meant there.`;
  throw new WardError('config-invalid', sentence, { at: host.name });
};

/**
 * Step 2. Which of `names` the server's certificate is for.
 *
 * @throws WardError `server-untrusted`, `crl-expired`, `crl-missing`
 */
const verifyServer = (socket: TLSSocket, host: TcpHost, names: readonly string[]): string => {
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    throw serverRefusal({ name: 'Error', message: code, code }, host.name)
      ?? new WardError('server-untrusted', `The certificate of ${host.name} is refused (${code}).`, { at: host.name });
  }
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new WardError('server-untrusted', `The server ${host.name} showed no certificate.`, { at: host.name });
  }
  let refusal: unknown;
  for (const name of names) {
    try {
      checkServer(name, certificate);
      return name;
    } catch (thrown) {
      refusal = thrown;
    }
  }
  if (names.length === 1) throw refusal;
  const trusted = names.slice(0, 5).join(', ');
  const sentence = `The certificate of ${host.name} is not that of a compile server with a name in trust.servers (${trusted}).`;
  throw new WardError('server-untrusted', sentence, { at: host.name, cause: refusal });
};

const openTls = (options: ConnectOptions, names: readonly string[]): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const { host, trust, credential, signal } = options;
    const trusted = isCert(credential)
      ? { ca: readTrust('trust.ca', trust.ca), crl: readTrust('trust.crl', trust.crl), cert: credential.certPem, key: credential.keyPem }
      : {};
    const servername = [host.host, ...names].find((name) => isIP(name) === 0);
    let socket: TLSSocket;
    try {
      socket = tlsConnect({
        host: host.address ?? host.host, port: host.port, ...(servername === undefined ? {} : { servername }),
        minVersion: 'TLSv1.3', ...trusted,
        // Refused below, with a reason; the stream is not used before.
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
      });
    } catch (cause) {
      reject(new WardError('config-invalid', 'The files in trust.ca and trust.crl, or certificate and key, cannot be used.', { cause }));
      return;
    }
    const abort = (): void => {
      socket.destroy();
      reject(connectFailed(host, Object.assign(new Error('timeout'), { code: 'ETIMEDOUT', cause: signal.reason })));
    };
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      reject(connectFailed(host, error));
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.setNoDelay(true);
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
      resolve(socket);
    });
  });

/** A WebSocket on a connection that is there already. `name` stands in its Host header. */
export const openWebSocket = (socket: Duplex, host: Host, name: string, signal: AbortSignal): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const authority = isIP(name) === 6 ? `[${name}]` : name;
    const webSocket = new WebSocket(`ws://${authority}/`, SUBPROTOCOL, { ...webSocketClientOptions, createConnection: () => socket as Socket });
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      reject(connectFailed(host, error));
    };
    const abort = (): void => fail(new Error('it does not answer'));
    signal.addEventListener('abort', abort, { once: true });
    webSocket.once('error', fail);
    webSocket.once('open', () => {
      signal.removeEventListener('abort', abort);
      webSocket.off('error', fail);
      resolve(webSocket);
    });
  });

/** The first message, or why there was none. */
export const receiveWelcome = (channel: Channel, signal: AbortSignal): Promise<Welcome> =>
  new Promise((resolve, reject) => {
    const abort = (): void => channel.close(new WardError('handshake-timeout', 'The server did not say welcome in time.'));
    signal.addEventListener('abort', abort, { once: true });
    void channel.closed.then((error) => reject(error ?? new WardError('session-lost', 'The server closed the session at once.')));
    channel.onNotice((notice) => {
      signal.removeEventListener('abort', abort);
      if (notice.type === 'welcome') resolve(notice);
      else channel.close(new WardError('protocol-violation', 'The server said something before it said welcome.'));
    });
  });

export const connected = (channel: Channel, welcome: Welcome, near: boolean): Connection =>
  ({ channel, welcome, contents: new Contents(), packs: canPack && welcome.zstd === true && !near });

/** Is the other end on this very host, where bytes cost less than packing them? */
export const isNear = ({ remoteAddress = '', localAddress = '' }: { remoteAddress?: string | undefined; localAddress?: string | undefined }): boolean =>
  remoteAddress === localAddress || /^(::ffff:)?127\.|^::1$/.test(remoteAddress);

/**
 * Connects, authenticates both sides and waits for `welcome`. Subscribe to the channel's notices at once.
 *
 * @throws WardError what the server refused, or why it was not believed or not reached; `at` names the server
 */
export const connectTls = async (options: ConnectOptions): Promise<Connection> => {
  const { host, trust, signal, credential } = options;
  try {
    const names = isCert(credential) ? expectedNames(host, trust) : [krb5HostName(host, trust)];
    const socket = await openTls(options, names);
    let name: string;
    try {
      name = isCert(credential) ? verifyServer(socket, host, names) : names[0]!;
    } catch (thrown) {
      socket.destroy();
      throw thrown;
    }
    const webSocket = await openWebSocket(socket, host, name, signal);
    const channel = await clientHandshake(webSocketTransport(webSocket), {
      authenticator: isCert(credential) ? { mechanism: 'cert', target: name } : krb5Authenticator(credential), exporter: tlsExporter(socket),
    });
    return connected(channel, await receiveWelcome(channel, signal), isNear(socket));
  } catch (thrown) {
    throw named(toWardError(thrown), host.name);
  }
};
