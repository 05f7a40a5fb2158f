/**
 * The farm as one client sees it: takes a job, finds the server for it, brings back the result. A job's home follows from what it
 * makes; one more server is asked beside it. Only servers that have exactly the same compiler, proved by the same canary object,
 * are asked at all. What goes wrong on one server is tried on another if the error allows it.
 *
 * @module
 */
import { WardError, toWardError, type ErrorCode } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import type { FallbackSetting, FarmView, HostStatus, PingAnswer, WhoAmI } from '../agent/farm-view.ts';
import { decidingVariables, withEnvironment, type ClientConfig } from '../config.ts';
import { fixedConfig, type ConfigSource } from '../config-watch.ts';
import type { FarmJob, FarmResult, VerifyResult } from './attempt.ts';
import { connectAtOnce, findCandidates } from './candidates.ts';
import { Discovery } from './discovery.ts';
import { mostHelpful } from './failure.ts';
import type { Host } from './hosts.ts';
import { Placement, WaitingJobs } from './placement.ts';
import { homeKey, rank } from './rendezvous.ts';
import { Sessions } from './sessions.ts';
import type { Session } from './session.ts';
import { UnfitServers } from './unfit.ts';
import { verifySigned } from './verify-result.ts';

export type { FarmJob, FarmOutput, FarmResult } from './attempt.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Servers that are tried for one job. */
const tries = 3;
/** Servers that a job may harm: what two could not survive, or not finish, is not sent to a third. */
const mostHarmed = 2;
const harms: ReadonlySet<string> = new Set([
  'job-timeout', 'cpu-limit', 'memory-limit', 'process-limit', 'output-limit', 'file-limit', 'compiler-crashed', 'sandbox-failed', 'session-lost', 'internal',
] satisfies ErrorCode[]);
/** Environments that are remembered. */
const mostConfigs = 64;
/** How long `hosts` waits for servers to answer. */
const hostsMs = 2_000;

export interface CompileOptions {
  /** Environment of the job: WARDCC_HOSTS and its like. */
  readonly env?: Environment;
  /** SHA-256 of the canary object that this client's compiler makes; a server's must be the same. */
  readonly canary?: string;
  /** Not this server, as the configuration names it: another one's opinion is wanted. */
  readonly except?: string;
  /** Called when the job stands in line everywhere: the farm is full. */
  readonly onFull?: () => void;
  /** Called when a server took the job, or has its result. */
  readonly onPlaced?: () => void;
}

interface PlaceOptions extends CompileOptions {
  readonly job: FarmJob;
  readonly probe: Probe;
  /** Whose signatures on results count; undefined: whatever a server of the farm answers. */
  readonly farm: ClientConfig['farm'];
}

export class Farm implements FarmView {
  readonly #config: ConfigSource;
  readonly #sessions = new Sessions();
  readonly #discovery = new Discovery();
  readonly #waiting = new WaitingJobs();
  /** What jobs' environments made of the configuration `#base`. */
  readonly #configs = new Map<string, ClientConfig>();
  #base: ClientConfig | undefined;
  readonly #unfit = new UnfitServers();

  constructor(config: ClientConfig | ConfigSource) {
    this.#config = 'current' in config ? config : fixedConfig(config);
  }

  /** The configuration for an environment: the same object for the same one, while the files are as they were. @throws WardError `config-invalid` */
  config(env: Environment = {}): ClientConfig {
    const base = this.#config.current();
    const key = decidingVariables.map((name) => env[name] ?? '\0').join('\n');
    if (this.#base !== base || this.#configs.size >= mostConfigs) this.#configs.clear();
    this.#base = base;
    const config = this.#configs.get(key) ?? withEnvironment(base, env);
    this.#configs.set(key, config);
    return config;
  }

  get settings(): FallbackSetting {
    try {
      const { fallback, locked } = this.#config.current();
      return { fallback, locked: locked.has('fallback') };
    } catch {
      return { fallback: 'infra', locked: false };
    }
  }

  get localSlots(): number | undefined {
    try {
      return this.#config.current().localSlots;
    } catch {
      return undefined;
    }
  }

  /** What this machine keeps on disk; undefined while the configuration is wrong. */
  get cache(): ClientConfig['cache'] | undefined {
    try {
      return this.#config.current().cache;
    } catch {
      return undefined;
    }
  }

  /**
   * Has a job done. The compiler's own failure is a result.
   *
   * @throws WardError the most helpful reason why no server did it; `at` names the server
   */
  async compile(job: FarmJob, signal: AbortSignal, options: CompileOptions = {}): Promise<FarmResult> {
    const probe: Probe = { type: 'probe', ...job.probe };
    const config = this.config(options.env);
    const sessions = await this.#serversFor(config);
    const failures: WardError[] = [];
    let harmed = 0;
    let order = rank(sessions.filter(({ host }) => host.name !== options.except), homeKey(probe), ({ host }) => host.name);
    for (let tried = 0; tried < tries && order.length > 0; tried++) {
      const fit = order.filter((session) => !this.#isFull(session, failures) && !this.#isUnfit(session, probe, failures));
      const asked = await findCandidates(fit, { probe, canary: options.canary }, signal, failures);
      const home = asked.now[0];
      if (home === undefined) break;
      try {
        return await this.#placement(fit, { ...options, job, probe, farm: config.farm }).run(asked, signal);
      } catch (thrown) {
        const error = toWardError(thrown);
        failures.push(error);
        const failed = order.find(({ host }) => host.name === error.at) ?? home;
        this.#unfit.note(failed.host.name, probe.toolchain, error);
        // A ticket ended under the job, and a later one lives: the job goes over that.
        if (error.code === 'credential-expired' && failed.connection !== undefined && !signal.aborted) continue;
        if (error.retry === 'never' || signal.aborted) throw error;
        if (harms.has(error.code) && ++harmed === mostHarmed) break;
        order = order.filter((session) => session !== failed);
      }
    }
    throw mostHelpful(failures, probe);
  }

  /**
   * A job is coming: begins to connect while its inputs are still being collected, so that a build's first job does not wait for a
   * ticket as well. What goes wrong is said to whoever needs the connection.
   */
  prepare(env: Environment): void {
    void this.#connectFirst(env).catch(() => {});
  }

  async whoami(env: Environment): Promise<WhoAmI> {
    const sessions = await this.#serversFor(this.config(env));
    const failures: WardError[] = [];
    const connections = sessions.map((session) => session.ready().then(
      ({ welcome }): WhoAmI => ({
        principal: welcome.principal,
        committer: welcome.committer,
        ...(welcome.because === undefined ? {} : { because: welcome.because }),
        mechanism: welcome.mechanism,
        server: session.host.name,
        expires: welcome.expires,
      }),
      (thrown: unknown) => {
        failures.push(toWardError(thrown));
        throw thrown;
      },
    ));
    return Promise.any(connections).catch(() => {
      throw mostHelpful(failures);
    });
  }

  /** The servers and their state, after a moment in which idle ones may connect. */
  async hosts(env: Environment): Promise<readonly HostStatus[]> {
    const config = this.config(env);
    const { servers, errors } = await this.#discovery.servers(config.domains ?? [], config.discovery);
    const sessions = [...config.servers, ...servers].map((host) => this.#sessions.get(host, config));
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, hostsMs);
    await Promise.race([enough, Promise.allSettled(sessions.map((session) => session.ready()))]);
    clearTimeout(timer);
    const unknown = [...errors].map(([domain, { code, message }]): HostStatus => ({ name: `srv:${domain}`, state: 'resting', reason: code, message }));
    return [...sessions.map(({ status }) => status), ...unknown];
  }

  async ping(env: Environment): Promise<readonly PingAnswer[]> {
    return Promise.all((await this.#serversFor(this.config(env))).map(async (session): Promise<PingAnswer> => {
      const server = session.host.name;
      try {
        const { channel } = await session.ready();
        return { server, ms: await channel.ping() };
      } catch (thrown) {
        const { code, message } = toWardError(thrown);
        return { server, error: { code, message } };
      }
    }));
  }

  async close(): Promise<void> {
    this.#sessions.close();
    this.#config.close();
  }

  async #connectFirst(env: Environment): Promise<void> {
    const sessions = await this.#serversFor(this.config(env));
    await Promise.allSettled(sessions.slice(0, connectAtOnce).map((session) => session.ready()));
  }

  async #serversFor(config: ClientConfig): Promise<Session[]> {
    const { domains = [] } = config;
    if (config.servers.length === 0 && domains.length === 0) {
      throw new WardError('no-server', 'No server is configured: name some in client.jsonc or WARDCC_HOSTS.');
    }
    // Who has servers by name does not wait for DNS.
    const { servers, errors } = domains.length === 0
      ? { servers: [], errors: undefined }
      : await this.#discovery.servers(domains, config.discovery, config.servers.length === 0);
    const [error] = errors?.values() ?? [];
    if (config.servers.length === 0 && servers.length === 0 && error !== undefined) throw error;
    // One that is configured counts as it was written there.
    const written = new Set(config.servers.map(({ name }) => name));
    return [...config.servers, ...servers.filter(({ name }) => !written.has(name))].map((host) => this.#session(host, config));
  }

  #session(host: Host, config: ClientConfig): Session {
    const session = this.#sessions.get(host, config);
    session.rooms.onMore = () => this.#waiting.offer(session);
    return session;
  }

  #placement(servers: readonly Session[], { job, probe, farm, canary, onFull, onPlaced }: PlaceOptions): Placement {
    const verify: VerifyResult = (...result) => verifySigned(farm, ...result);
    return new Placement({ job, probe, canary, servers, verify, onFull, onPlaced }, this.#waiting);
  }

  #isFull({ host, running }: Session, failures: WardError[]): boolean {
    if (host.slots === undefined || running < host.slots) return false;
    failures.push(new WardError('busy', `This client sends ${host.name} no more than ${host.slots} jobs at once.`, { at: host.name }));
    return true;
  }

  #isUnfit({ host }: Session, probe: Probe, failures: WardError[]): boolean {
    const why = this.#unfit.why(host.name, probe.toolchain);
    if (why !== undefined) failures.push(why);
    return why !== undefined;
  }
}
