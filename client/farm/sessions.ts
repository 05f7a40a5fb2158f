/**
 * All sessions of this user: one for each server and choice of credentials. They end when the credential that they live on is removed or
 * ends; when a better one lies in its place (another good certificate, a ticket that lasts longer), new jobs go over new connections and
 * the old ones end with their last job.
 *
 * @module
 */
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { Mechanism } from '../../protocol/hello.ts';
import type { ClientConfig } from '../config.ts';
import { loadCert, type CertCredential, type CertPaths } from '../credentials/cert.ts';
import { checkCacheFile, watchTicket } from '../credentials/krb5.ts';
import { Krb5Helper, type Krb5Environment } from '../credentials/krb5-helper.ts';
import type { Service, Ticket } from '../credentials/krb5-messages.ts';
import { sshCredentialKey, watchSshCredential, type SshCredential } from '../credentials/ssh.ts';
import { watchCert } from '../credentials/watch.ts';
import { connectSsh } from './connect-ssh.ts';
import { connectTls, krb5HostName, type Connection } from './connect.ts';
import { noCredential } from './failure.ts';
import type { Host, SshHost, TcpHost } from './hosts.ts';
import { Session } from './session.ts';

interface Watched {
  readonly stop: () => void;
}

interface Kept {
  readonly session: Session;
  /** The credential that its connection was opened with. */
  credential: string | undefined;
}

interface Attempt<H extends Host = TcpHost> {
  readonly host: H;
  readonly config: ClientConfig;
  readonly signal: AbortSignal;
  /** To be told which credential was used. */
  readonly kept: Kept;
}

interface Login {
  readonly host: SshHost;
  readonly kept: Kept;
  /** Of ssh. */
  readonly env: Readonly<Record<string, string>>;
}

/** Errors of one mechanism after which the next one that the configuration permits may be tried, on a new connection. */
const yielding: ReadonlySet<string> = new Set(['credential-missing', 'credential-expired', 'kdc-unreachable', 'mechanism-not-permitted']);

/** A successor is opened this long before a session's end, at most: the longest that a job may still run on the old one. */
const longestLeadMs = 20 * 60_000;
/** Closer to the end nothing is gained. */
const shortestLeadMs = 2_000;
const longestTimerMs = 2 ** 31 - 1;

/** A session over SSH ends by itself: its successor begins before, with what ssh then proves. */
const renewBeforeEnd = (session: Session, { channel, welcome }: Connection): void => {
  const left = welcome.expires - Date.now();
  const lead = Math.min(longestLeadMs, left / 4);
  if (welcome.expires === 0 || lead < shortestLeadMs || left > longestTimerMs) return;
  const timer = setTimeout(() => session.renew(), left - lead);
  timer.unref();
  void channel.closed.then(() => clearTimeout(timer));
};

const certKey = (paths: CertPaths): string => `cert\0${paths.cert}\0${paths.key}`;

const krb5Variables = ({ KRB5CCNAME, KRB5_CONFIG }: Readonly<Record<string, string>>): Krb5Environment =>
  ({ ...(KRB5CCNAME === undefined ? {} : { KRB5CCNAME }), ...(KRB5_CONFIG === undefined ? {} : { KRB5_CONFIG }) });

/** A cache that the configuration names is forced; else the usual variable chooses. */
const krb5Environment = ({ environment, credentials: { ccache } }: ClientConfig): Krb5Environment =>
  krb5Variables(ccache === undefined ? environment : { ...environment, KRB5CCNAME: ccache });

const krb5Key = ({ KRB5CCNAME = '', KRB5_CONFIG = '' }: Krb5Environment): string => `krb5\0${KRB5CCNAME}\0${KRB5_CONFIG}`;

/** Beside a key that the configuration names no agent is asked. */
const sshEnvironment = ({ environment, ssh }: ClientConfig): Readonly<Record<string, string>> => {
  const { SSH_AUTH_SOCK, ...others } = environment;
  return ssh.identity === undefined && SSH_AUTH_SOCK !== undefined ? { ...others, SSH_AUTH_SOCK } : others;
};

const keyOf = (host: Host, config: ClientConfig): string => {
  const { trust, credentials, mechanisms, ssh } = config;
  if (host.kind === 'ssh') return [host.name, JSON.stringify(ssh), ...Object.entries(sshEnvironment(config)).flat()].join('\0');
  const identities = [certKey(credentials), krb5Key(krb5Environment(config))];
  return [host.name, host.discovered ?? '', host.address ?? '', ...identities, ...mechanisms, JSON.stringify(trust)].join('\0');
};

export class Sessions {
  readonly #sessions = new Map<string, Kept>();
  /** What is watched, by credential; certificates as they were read. */
  readonly #watched = new Map<string, Watched>();
  readonly #certificates = new Map<string, CertCredential>();
  readonly #helpers = new Map<string, Krb5Helper>();
  readonly #keys = new WeakMap<ClientConfig, WeakMap<Host, string>>();

  /** The session with a server under a configuration; made on first use, connected when it is needed. */
  get(host: Host, config: ClientConfig): Session {
    const key = this.#keyOf(host, config);
    const known = this.#sessions.get(key);
    if (known !== undefined) return known.session;
    const session = new Session(host, (signal) =>
      (host.kind === 'ssh' ? this.#bySsh({ host, config, signal, kept }) : this.#overTls({ host, config, signal, kept })));
    const kept: Kept = { session, credential: undefined };
    this.#sessions.set(key, kept);
    return session;
  }

  /** A job names all servers of the farm, so their keys are made once a configuration. */
  #keyOf(host: Host, config: ClientConfig): string {
    const keys = this.#keys.get(config) ?? new WeakMap<Host, string>();
    this.#keys.set(config, keys);
    const key = keys.get(host) ?? keyOf(host, config);
    keys.set(host, key);
    return key;
  }

  close(): void {
    for (const { session } of this.#sessions.values()) session.close();
    for (const { stop } of this.#watched.values()) stop();
    for (const helper of this.#helpers.values()) helper.close();
    for (const map of [this.#sessions, this.#watched, this.#certificates, this.#helpers]) map.clear();
  }

  async #bySsh({ host, config, signal, kept }: Attempt<SshHost>): Promise<Connection> {
    const { mechanisms, ssh } = config;
    if (!mechanisms.includes('ssh')) {
      const sentence = `client.jsonc permits ${mechanisms.join(', ')}, and ${host.name} is reached over SSH.`;
      throw new WardError('mechanism-not-permitted', sentence, { at: host.name });
    }
    const env = sshEnvironment(config);
    const credential: SshCredential = { identity: ssh.identity, agent: env['SSH_AUTH_SOCK'] };
    kept.credential = sshCredentialKey(credential);
    const connection = await connectSsh({ host, ssh, env, signal });
    this.#watchLogin(credential);
    if (connection.welcome.principal.includes('@')) void this.#watchLoginTicket({ host, kept, env }, connection);
    renewBeforeEnd(kept.session, connection);
    return connection;
  }

  #watchLogin(credential: SshCredential): void {
    const key = sshCredentialKey(credential);
    if (this.#watched.has(key)) return;
    const stop = watchSshCredential(credential, {
      removed: (reason) => this.#endAll(key, reason),
      replaced: () => this.#renewAll(key),
    });
    this.#watched.set(key, { stop });
  }

  /** A login that the server knows by the very name of the ticket in the cache lives on that ticket. */
  async #watchLoginTicket({ host, kept, env }: Login, { welcome }: Connection): Promise<void> {
    const environment = krb5Variables(env);
    const service: Service = { service: 'host', host: host.host };
    const helper = this.#helperOf(environment);
    const ticket = await helper.look(service).catch(() => undefined);
    if (ticket === undefined || welcome.principal !== `ssh:${ticket.principal}`) return;
    kept.credential = `ssh\0${krb5Key(environment)}`;
    this.#watchTicket(kept.credential, helper, service, ticket);
  }

  #helperOf(environment: Krb5Environment): Krb5Helper {
    const key = krb5Key(environment);
    const helper = this.#helpers.get(key) ?? new Krb5Helper(environment);
    this.#helpers.set(key, helper);
    return helper;
  }

  #watchTicket(key: string, helper: Krb5Helper, service: Service, ticket: Ticket): void {
    if (this.#watched.has(key)) return;
    const stop = watchTicket(helper, service, ticket, {
      removed: (reason) => this.#endAll(key, reason),
      renewed: () => this.#renewAll(key),
    });
    this.#watched.set(key, { stop });
  }

  /** One mechanism a connection, in the order of the configuration. A refusal of the person or of the server ends it. */
  async #overTls(attempt: Attempt): Promise<Connection> {
    const { host, config } = attempt;
    const ways: { readonly [M in Mechanism]?: (attempt: Attempt) => Promise<Connection> } = {
      krb5: (one) => this.#byTicket(one),
      cert: (one) => this.#byCertificate(one),
    };
    const failures: WardError[] = [];
    for (const mechanism of config.mechanisms) {
      const connect = ways[mechanism];
      if (connect === undefined) continue;
      try {
        return await connect(attempt);
      } catch (thrown) {
        const error = toWardError(thrown);
        if (!yielding.has(error.code)) throw error;
        failures.push(error);
      }
    }
    if (failures.length > 0) throw noCredential(failures);
    const sentence = `client.jsonc permits ${config.mechanisms.join(', ')}, and ${host.name} is reached over TLS: krb5 or cert.`;
    throw new WardError('mechanism-not-permitted', sentence, { at: host.name });
  }

  async #byCertificate({ host, config, signal, kept }: Attempt): Promise<Connection> {
    kept.credential = certKey(config.credentials);
    const credential = this.#certificate(config.credentials);
    return connectTls({ host, trust: config.trust, credential, signal });
  }

  /** The certificate in these files, watched from now on. */
  #certificate(paths: CertPaths): CertCredential {
    const key = certKey(paths);
    const known = this.#certificates.get(key);
    if (known !== undefined) return known;
    const credential = loadCert(paths);
    const stop = watchCert(credential, {
      removed: (reason) => this.#endAll(key, reason),
      replaced: (replacement) => {
        this.#certificates.set(key, replacement);
        this.#renewAll(key);
      },
    });
    this.#certificates.set(key, credential);
    this.#watched.set(key, { stop });
    return credential;
  }

  async #byTicket({ host, config, signal, kept }: Attempt): Promise<Connection> {
    const environment = krb5Environment(config);
    const key = krb5Key(environment);
    const { trust } = config;
    checkCacheFile(environment);
    const helper = this.#helperOf(environment);
    const realm = trust.realm === undefined ? {} : { realm: trust.realm };
    const service: Service = { service: trust.service ?? 'wardcc', host: krb5HostName(host, trust), ...realm };
    const context = await helper.begin(service);
    try {
      kept.credential = key;
      const connection = await connectTls({ host, trust, credential: context, signal });
      this.#watchTicket(key, helper, service, context.ticket);
      return connection;
    } finally {
      context.end();
    }
  }

  #renewAll(credential: string): void {
    for (const kept of this.#sessions.values()) if (kept.credential === credential) kept.session.renew();
  }

  /** The credential is gone, and everything that lives on it goes too. */
  #endAll(credential: string, reason: WardError): void {
    this.#watched.delete(credential);
    this.#certificates.delete(credential);
    for (const [key, kept] of this.#sessions) {
      if (kept.credential !== credential) continue;
      this.#sessions.delete(key);
      kept.session.close(reason);
    }
  }
}
