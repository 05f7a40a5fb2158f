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
import { openTls, servernameOf, verifyServer, type TlsOptions } from '../../link/tls.ts';
import { openWebSocket, receiveWelcome } from '../../link/web-socket.ts';
import type { Channel } from '../../protocol/channel.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { clientHandshake } from '../../protocol/handshake.ts';
import { canPack } from '../../protocol/packing.ts';
import type { Welcome } from '../../protocol/messages.ts';
import { tlsExporter } from '../../protocol/transport.ts';
import type { TrustConfig } from '../config.ts';
import type { CertCredential } from '../credentials/cert.ts';
import type { Krb5Context } from '../credentials/krb5-helper.ts';
import { krb5Authenticator } from '../credentials/krb5.ts';
import { Contents } from './contents.ts';
import { named } from './failure.ts';
import type { TcpHost } from './hosts.ts';

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

/** Step 1. With a ticket nobody is shown, and any certificate will do. */
const tlsOptions = ({ host, trust, credential, signal }: ConnectOptions, names: readonly string[]): TlsOptions => ({
  to: host,
  servername: servernameOf([host.host, ...names]),
  material: isCert(credential)
    ? { ca: readTrust('trust.ca', trust.ca), crl: readTrust('trust.crl', trust.crl), cert: credential.certPem, key: credential.keyPem }
    : undefined,
  from: 'trust.ca and trust.crl',
  signal,
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
    const socket = await openTls(tlsOptions(options, names));
    let name: string;
    try {
      name = isCert(credential) ? verifyServer(socket, host, names, { names: 'trust.servers' }) : names[0]!;
    } catch (thrown) {
      socket.destroy();
      throw thrown;
    }
    const transport = await openWebSocket(socket, host, name, signal);
    const channel = await clientHandshake(transport, {
      authenticator: isCert(credential) ? { mechanism: 'cert', target: name } : krb5Authenticator(credential), exporter: tlsExporter(socket),
    });
    return connected(channel, await receiveWelcome(channel, signal), isNear(socket));
  } catch (thrown) {
    throw named(toWardError(thrown), host.name);
  }
};
