/**
 * Names of servers as people write them: `host[:port][/slots]`, `[v6]:port[/slots]`, `ssh://[user@]host[:port][/slots]`, `srv:DOMAIN`,
 * `local/N`.
 * The same syntax in `WARDCC_HOSTS` (separated by blanks) and in the `hosts` of client.jsonc. A name says where to connect, never whom
 * to trust.
 *
 * @module
 */
import { isIPv4, isIPv6 } from 'node:net';
import { WardError } from '../../protocol/errors.ts';

export const DEFAULT_PORT = 7632;

export interface TcpHost {
  readonly kind: 'tcp';
  /** Canonical spelling: what statistics, logs and the placement of jobs go by. */
  readonly name: string;
  /** Host name in lower case, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Most jobs this client sends there at once. */
  readonly slots?: number;
  /** The domain whose SRV record named it: then `host` must be a name that is trusted. */
  readonly discovered?: string;
  /** Where to connect to, in place of the name's own address. */
  readonly address?: string;
}

export interface SshHost {
  readonly kind: 'ssh';
  readonly name: string;
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  readonly slots?: number;
}

export type Host = TcpHost | SshHost;

export interface HostList {
  readonly servers: readonly Host[];
  /** Domains whose SRV records name servers. */
  readonly domains: readonly string[];
  /** Compiles at once on this machine, from `local/N`. */
  readonly localSlots?: number;
}

// No name begins with '-': it could become an option of ssh.
export const hostPattern = /^(?=.{1,254}$)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_-]{1,63})*\.?$/;
const userName = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}$/;
const syntax = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<name>[^[\]:/@]+))(?::(?<port>[0-9]{1,5}))?(?:\/(?<slots>[0-9]{1,4}))?$/;

const refuse = (text: string, why: string): never => {
  const syntaxes = 'a host is written name:port, [v6]:port, ssh://user@name, srv:DOMAIN or local/N';
  throw new WardError('config-invalid', `The host ${JSON.stringify(text)} ${why}; ${syntaxes}.`);
};

const positive = (digits: string | undefined, maximum: number, text: string, what: string): number | undefined => {
  if (digits === undefined) return undefined;
  const number = Number(digits);
  return number >= 1 && number <= maximum ? number : refuse(text, `has a ${what} that is not between 1 and ${maximum}`);
};

const optional = <K extends string>(key: K, value: number | undefined): { [P in K]?: number } =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: number };

/** One server. Throws `config-invalid` with a sentence that shows the syntax. */
export const parseHost = (text: string): Host => {
  const ssh = text.startsWith('ssh://');
  const rest = ssh ? text.slice('ssh://'.length) : text;
  const at = ssh ? rest.lastIndexOf('@') : -1;
  const user = at === -1 ? undefined : rest.slice(0, at);
  if (user !== undefined && !userName.test(user)) refuse(text, 'has a user name that is not allowed');
  const groups = syntax.exec(rest.slice(at + 1))?.groups ?? refuse(text, 'cannot be understood');
  const { v6, name } = groups;
  if (v6 !== undefined && !isIPv6(v6)) refuse(text, 'has an IPv6 address that is none');
  const isName = name !== undefined && hostPattern.test(name) && !/^[0-9.]+$/.test(name);
  if (name !== undefined && !isName && !isIPv4(name)) refuse(text, 'has a host name that is not allowed');
  const host = (v6 ?? name)!.toLowerCase().replace(/\.$/, '');
  const port = positive(groups['port'], 65_535, text, 'port');
  const slots = optional('slots', positive(groups['slots'], 9999, text, 'number of slots'));
  const printed = v6 === undefined ? host : `[${host}]`;
  if (!ssh) return { kind: 'tcp', name: `${printed}:${port ?? DEFAULT_PORT}`, host, port: port ?? DEFAULT_PORT, ...slots };
  const canonical = `ssh://${user === undefined ? '' : `${user}@`}${printed}${port === undefined ? '' : `:${port}`}`;
  return { kind: 'ssh', name: canonical, host, ...(user === undefined ? {} : { user }), ...optional('port', port), ...slots };
};

/** A list of servers and `local/N`; a server that is named twice counts once, as it was named first. */
export const parseHosts = (texts: readonly string[]): HostList => {
  const servers = new Map<string, Host>();
  const domains = new Set<string>();
  let localSlots: number | undefined;
  for (const text of texts) {
    const local = /^local\/([0-9]{1,4})$/.exec(text);
    if (local !== null) {
      localSlots = positive(local[1], 9999, text, 'number of slots');
      continue;
    }
    if (text.startsWith('srv:')) {
      const domain = text.slice('srv:'.length).toLowerCase().replace(/\.$/, '');
      if (!hostPattern.test(domain) || /^[0-9.]+$/.test(domain)) refuse(text, 'does not name a domain');
      domains.add(domain);
      continue;
    }
    const host = parseHost(text);
    if (!servers.has(host.name)) servers.set(host.name, host);
  }
  return { servers: [...servers.values()], domains: [...domains], ...optional('localSlots', localSlots) };
};

/** The value of WARDCC_HOSTS. */
export const parseHostsVariable = (value: string): HostList => parseHosts(value.split(/\s+/).filter((text) => text !== ''));
