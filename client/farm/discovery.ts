/**
 * Servers that DNS names: SRV records of `_wardcc._tcp.DOMAIN` (RFC 2782), those of the lowest priority. DNS says where servers are, never
 * whom to trust: what it names must be a name that the client trusts anyway, and must prove to be it.
 *
 * @module
 */
import { Resolver } from 'node:dns/promises';
import { WardError } from '../../protocol/errors.ts';
import { hostPattern, type TcpHost } from './hosts.ts';

export interface DiscoverySettings {
  /** `ADDRESS[:PORT]` of DNS servers to ask in place of the system's. */
  readonly dns?: readonly string[];
}

/** What one lookup found; the last good answer stays when a later one fails, because addresses are no secret and no trust. */
interface Known {
  servers: readonly TcpHost[];
  error: WardError | undefined;
  askedAt: number;
  asking: Promise<void> | undefined;
}

const lookAgainMs = 60_000;
const retryMs = 5_000;
const maxServers = 256;
const timeoutMs = 1_500;

export interface Discovered {
  readonly servers: readonly TcpHost[];
  /** By domain: why nothing is known of it. */
  readonly errors: ReadonlyMap<string, WardError>;
}

export class Discovery {
  readonly #known = new Map<string, Known>();

  /**
   * The servers of domains. Later answers come in the background.
   *
   * @param wait for the first answer of each domain; else what is known by now
   */
  async servers(domains: readonly string[], settings: DiscoverySettings = {}, wait = true): Promise<Discovered> {
    const servers = new Map<string, TcpHost>();
    const errors = new Map<string, WardError>();
    for (const known of await Promise.all(domains.map((domain) => this.#ask(domain, settings, wait)))) {
      for (const server of known.answer.servers) if (!servers.has(server.name)) servers.set(server.name, server);
      if (known.answer.error !== undefined && known.answer.servers.length === 0) errors.set(known.domain, known.answer.error);
    }
    return { servers: [...servers.values()], errors };
  }

  async #ask(domain: string, settings: DiscoverySettings, wait: boolean): Promise<{ domain: string; answer: Known }> {
    const key = JSON.stringify([domain, settings.dns]);
    const answer = this.#known.get(key) ?? { servers: [], error: undefined, askedAt: -Infinity, asking: undefined };
    this.#known.set(key, answer);
    const age = performance.now() - answer.askedAt;
    if (age > (answer.error === undefined ? lookAgainMs : retryMs)) {
      answer.asking ??= lookUp(domain, settings).then((servers) => {
        answer.servers = servers;
        answer.error = undefined;
      }, (error: unknown) => {
        answer.error = error as WardError;
      }).finally(() => {
        answer.askedAt = performance.now();
        answer.asking = undefined;
      });
    }
    if (wait && answer.servers.length === 0) await answer.asking;
    return { domain, answer };
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: 'the name has no SRV records',
  ETIMEOUT: 'no answer',
  ECONNREFUSED: 'no DNS server answers',
  ESERVFAIL: 'the DNS server failed',
};

/** Attacker-controlled: whoever can answer for DNS. @throws WardError `no-server` */
const lookUp = async (domain: string, { dns }: DiscoverySettings): Promise<readonly TcpHost[]> => {
  const name = `_wardcc._tcp.${domain}`;
  const refuse = (why: string, cause?: unknown): WardError =>
    new WardError('no-server', `DNS names no servers for ${domain} (${name}): ${why}.`, { at: `srv:${domain}`, cause });
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  if (dns !== undefined) resolver.setServers([...dns]);
  const records = await resolver.resolveSrv(name).catch((cause: NodeJS.ErrnoException) => {
    throw refuse(reasons[cause.code ?? ''] ?? cause.code ?? 'no answer', cause);
  });
  const usable = records.map(({ name: target, ...record }) => ({ ...record, target: target.toLowerCase().replace(/\.$/, '') }))
    .filter(({ target, port }) => hostPattern.test(target) && port >= 1 && port <= 65_535);
  if (usable.length === 0) throw refuse('no record names a host');
  const first = Math.min(...usable.map(({ priority }) => priority));
  const chosen = usable.filter(({ priority }) => priority === first).slice(0, maxServers);
  return Promise.all(chosen.map(async ({ target, port }): Promise<TcpHost> => {
    const address = dns === undefined ? undefined : await addressOf(resolver, target);
    const host = { kind: 'tcp', name: `${target}:${port}`, host: target, port, discovered: domain } as const;
    return address === undefined ? host : { ...host, address };
  }));
};

/** From the same servers as the record; undefined is looked up, and missed, when it is connected to. */
const addressOf = async (resolver: Resolver, target: string): Promise<string | undefined> => {
  const found = await Promise.allSettled([resolver.resolve4(target), resolver.resolve6(target)]);
  return found.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))[0];
};
