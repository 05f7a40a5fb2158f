/**
 * The lower half of a connection to a compile server, the same for a person's agent and for another server: TCP, TLS 1.3, and OpenSSL's
 * verdict on the server's chain and revocation, followed by a name that is trusted and the server marker.
 *
 * @module
 */
import { isIP } from 'node:net';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { checkServer } from '../certs/inspect.ts';
import { serverRefusal, type TrustNames } from '../certs/verdict.ts';
import { cleanText } from '../protocol/alert.ts';
import { WardError } from '../protocol/errors.ts';
import { onAbort } from './on-abort.ts';

/** Where a connection goes. */
export interface Destination {
  /** As errors name it. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Where to connect to, in place of the host's own address. */
  readonly address?: string;
}

/** What a side brings to TLS, in PEM: whom it trusts, and who it is. None: anybody will do, and nobody is shown. */
export interface TlsMaterial {
  readonly ca: string | Buffer;
  readonly crl: string | Buffer;
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface TlsOptions {
  readonly to: Destination;
  /** Sent in the clear (SNI); none for an address. */
  readonly servername: string | undefined;
  readonly material: TlsMaterial | undefined;
  /** Where the material comes from, for the sentence that says that it cannot be used. */
  readonly from: string;
  readonly signal: AbortSignal;
}

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

export const connectFailed = ({ name }: { readonly name: string }, error: NodeJS.ErrnoException): WardError => {
  // Several addresses of one name fail together as one error without a message.
  const code = error.code ?? (error as unknown as AggregateError).errors?.[0]?.code ?? '';
  const reason = reasons[code] ?? cleanText(error.message || code, 200);
  return new WardError('connect-failed', `The server ${name} cannot be reached: ${reason}.`, { at: name, cause: error });
};

/** The first of some names that TLS may send: addresses are none. */
export const servernameOf = (names: readonly string[]): string | undefined => names.find((name) => isIP(name) === 0);

/** Connects. Who answered has not been looked at yet. @throws WardError `connect-failed`, `config-invalid` */
export const openTls = ({ to, servername, material, from, signal }: TlsOptions): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    let socket: TLSSocket;
    try {
      socket = tlsConnect({
        host: to.address ?? to.host, port: to.port, ...(servername === undefined ? {} : { servername }),
        minVersion: 'TLSv1.3', ...material,
        // Refused below, with a reason; the stream is not used before.
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
      });
    } catch (cause) {
      reject(new WardError('config-invalid', `The files in ${from}, or certificate and key, cannot be used.`, { cause }));
      return;
    }
    const abort = (): void => {
      socket.destroy();
      reject(connectFailed(to, Object.assign(new Error('timeout'), { code: 'ETIMEDOUT', cause: signal.reason })));
    };
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      reject(connectFailed(to, error));
    };
    socket.setNoDelay(true);
    socket.once('error', fail);
    onAbort(signal, abort);
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
      resolve(socket);
    });
  });

/**
 * Which of `names` the server's certificate is for.
 *
 * @param from where the names come from, and CA and list if not from client.jsonc, for the sentence that refuses
 * @throws WardError `server-untrusted`, `crl-expired`, `crl-missing`
 */
export const verifyServer = (socket: TLSSocket, { name: server }: Destination, names: readonly string[], from: { readonly names: string; readonly trust?: TrustNames }): string => {
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    throw serverRefusal({ name: 'Error', message: code, code }, server, from.trust)
      ?? new WardError('server-untrusted', `The certificate of ${server} is refused (${code}).`, { at: server });
  }
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new WardError('server-untrusted', `The server ${server} showed no certificate.`, { at: server });
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
  const sentence = `The certificate of ${server} is not that of a compile server with a name in ${from.names} (${trusted}).`;
  throw new WardError('server-untrusted', sentence, { at: server, cause: refusal });
};
