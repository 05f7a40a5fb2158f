/**
 * One connection to a directory server: TLS with its name verified, then a bind. `ldaps` begins with TLS, `ldap` with StartTLS; there is no
 * way to ask in clear.
 *
 * What always holds: the library that speaks LDAP is given one encrypted socket and can make no other, so it never connects again by
 * itself, in clear or as nobody.
 *
 * @module
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Client, PagedResultsControl, SearchRequest, SearchResponse } from 'ldapts';
import { askForTls } from './start-tls.ts';

/** How to prove who asks: a name and password, or the certificate of the TLS connection (SASL EXTERNAL). */
export type Bind = { readonly dn: string; readonly password: string } | { readonly cert: Buffer; readonly key: Buffer };

export interface DirectoryAddress {
  readonly host: string;
  readonly port: number;
  readonly startTls: boolean;
}

export interface DirectoryOptions {
  readonly address: DirectoryAddress;
  readonly ca: Buffer;
  readonly bind: Bind;
  /** Of everything together, in milliseconds. */
  readonly timeoutMs: number;
}

const syntax =
  /^(?<scheme>ldaps?):\/\/(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<name>[A-Za-z0-9_][A-Za-z0-9._-]{0,252}))(?::(?<port>[0-9]{1,5}))?\/?$/;

/** `ldaps://host[:port]` or `ldap://host[:port]`. Undefined for anything else. */
export const parseUrl = (text: string): DirectoryAddress | undefined => {
  const { scheme, v6, name, port } = syntax.exec(text)?.groups ?? {};
  const host = v6 ?? name;
  if (host === undefined || (v6 !== undefined && isIP(v6) !== 6) || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) return undefined;
  return { host, port: Number(port ?? (scheme === 'ldaps' ? 636 : 389)), startTls: scheme === 'ldap' };
};

/** Does something with a bound connection, and closes it. Rejects with what the directory or the network said. */
export const withDirectory = async <T>(options: DirectoryOptions, use: (client: Client) => Promise<T>): Promise<T> => {
  const { Client: LdapClient } = await import('ldapts');
  const { bind, address, timeoutMs } = options;
  const expired = AbortSignal.timeout(timeoutMs);
  const socket = await openTls(options, expired);
  const end = (): void => void socket.destroy();
  expired.addEventListener('abort', end, { once: true });
  let given = false;
  const client = new LdapClient({
    url: `ldap://${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`,
    // Only for the farewell: until then the end of the whole time counts.
    timeout: timeoutMs + 1000,
    createConnection: (() => {
      if (given) throw new Error('the connection was lost');
      given = true;
      return socket;
    }) as unknown as typeof connectTcp,
  });
  followEmptyPages(client);
  try {
    if ('dn' in bind) await client.bind(bind.dn, bind.password);
    else await client.bind('EXTERNAL');
    return await use(client);
  } catch (error) {
    if (expired.aborted) throw new Error('it does not answer', { cause: error });
    throw error;
  } finally {
    expired.removeEventListener('abort', end);
    await client.unbind().catch(() => undefined);
    end();
  }
};

/** What ldapts does with a request, and does not say in its types. */
interface Sending {
  _send(message: SearchRequest): Promise<SearchResponse>;
  _nextMessageId(): number;
}

const pageOf = ({ controls }: { readonly controls?: SearchRequest['controls'] }): PagedResultsControl | undefined =>
  controls?.find((control): control is PagedResultsControl => control.type === '1.2.840.113556.1.4.319');

/** A page may be empty and not the last one (RFC 2696 section 3), but ldapts takes an empty page for the end: it never gets to see one. */
const followEmptyPages = (client: Client): void => {
  const sending = client as unknown as Sending;
  const send = sending._send.bind(client);
  sending._send = async (message) => {
    const answer = await send(message);
    const [asked, cookie] = [pageOf(message), pageOf(answer ?? {})?.value?.cookie];
    if (asked?.value === undefined || !cookie?.length || answer.searchEntries.length > 0 || answer.searchReferences.length > 0) return answer;
    asked.value.cookie = cookie;
    message.messageId = sending._nextMessageId();
    return sending._send(message);
  };
};

const openTls = async ({ address, ca, bind }: DirectoryOptions, expired: AbortSignal): Promise<TLSSocket> => {
  const { host, port } = address;
  const own = 'cert' in bind ? { cert: bind.cert, key: bind.key } : {};
  const name = isIP(host) === 0 ? { servername: host } : {};
  const tls = { ...own, ...name, host, ca, minVersion: 'TLSv1.2', rejectUnauthorized: true } as const;
  if (!address.startTls) return opened(connectTls({ ...tls, port }), 'secureConnect', expired);
  const plain = await opened(connectTcp({ host, port }), 'connect', expired);
  try {
    await orExpired(askForTls(plain), expired);
    return await opened(connectTls({ ...tls, socket: plain }), 'secureConnect', expired);
  } catch (error) {
    plain.destroy();
    throw error;
  }
};

const opened = async <S extends Socket>(socket: S, event: string, expired: AbortSignal): Promise<S> => {
  const { promise, resolve, reject } = Promise.withResolvers<S>();
  socket.once(event, () => resolve(socket)).once('error', reject).once('close', () => reject(new Error('it closed the connection')));
  try {
    return await orExpired(promise, expired);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    // What comes later is for whoever uses the socket; an error nobody waits for must not end the process.
    socket.removeAllListeners(event).off('error', reject).on('error', () => undefined);
  }
};

const orExpired = async <T>(promise: Promise<T>, expired: AbortSignal): Promise<T> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error('it does not answer'));
  if (expired.aborted) abort();
  expired.addEventListener('abort', abort, { once: true });
  return Promise.race([promise, late]).finally(() => expired.removeEventListener('abort', abort));
};
