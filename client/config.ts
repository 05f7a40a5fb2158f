/**
 * The client's configuration: client.jsonc of the system and of the user, and what the environment may say for one build. The
 * environment is stronger than the user's file and that stronger than the system's, except for what the system's file locks. Whom to
 * trust and who to be are never taken from the environment or from a source tree.
 *
 * @module
 */
import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FarmFile, farmTrustSchema, type TrustedFarm, type WrittenFarmTrust } from '../policy/farm-file.ts';
import { readJsonc } from '../policy/jsonc.ts';
import { WardError } from '../protocol/errors.ts';
import type { Mechanism } from '../protocol/hello.ts';
import { defaultCertPaths, type CertPaths } from './credentials/cert.ts';
import type { DiscoverySettings } from './farm/discovery.ts';
import { parseHosts, parseHostsVariable, type Host } from './farm/hosts.ts';
import type { SshConfig } from './farm/ssh-command.ts';
import { parseShare, sharePattern } from './verify/share.ts';

export type Fallback = 'never' | 'infra' | 'always';

/** What client.jsonc says. Paths are relative to the file. */
interface ClientFile {
  $schema?: string;
  hosts?: string[];
  trust?: { ca?: string; crl?: string; servers?: string[]; farm?: WrittenFarmTrust; realm?: string; service?: string };
  discovery?: { dns?: string[] };
  credentials?: { cert?: string; key?: string; ccache?: string };
  ssh?: { config?: string; knownHosts?: string; identity?: string };
  mechanisms?: Mechanism[];
  fallback?: Fallback;
  project?: string;
  localSlots?: number;
  cache?: { directory?: string; bytes?: number };
  /** Share of jobs that are compiled twice: `1%`. */
  verify?: string;
  /** Only in the system's file: settings that neither user nor environment change. */
  lock?: LockableSetting[];
}

export type LockableSetting =
  'hosts' | 'discovery' | 'trust' | 'credentials' | 'ssh' | 'mechanisms' | 'fallback' | 'project' | 'localSlots' | 'cache' | 'verify';

const settings: readonly LockableSetting[] =
  ['hosts', 'discovery', 'trust', 'credentials', 'ssh', 'mechanisms', 'fallback', 'project', 'localSlots', 'cache', 'verify'];

const defaultCacheBytes = 2 * 2 ** 30;

/** Whom the client believes to be a server of its farm. Absolute paths. */
export interface TrustConfig {
  readonly ca?: string;
  readonly crl?: string;
  /** Names that a server may have: in its certificate, or in its Kerberos principal. Those of the farm file, where there is one. */
  readonly servers: readonly string[];
  /** Realm of the servers; absent: that of the user's ticket. */
  readonly realm?: string;
  /** Kerberos service: `wardcc` if absent, and then `/` and the server's name; or one principal for all, such as `wardcc/farm`. */
  readonly service?: string;
}

export interface ClientConfig {
  readonly servers: readonly Host[];
  /** Domains whose SRV records name more servers. */
  readonly domains?: readonly string[];
  readonly discovery?: DiscoverySettings;
  /** The signed farm file: then servers, and results, must be those that it names. */
  readonly farm?: TrustedFarm;
  readonly trust: TrustConfig;
  readonly credentials: CertPaths & { readonly ccache?: string };
  /** How servers written `ssh://` are reached, beyond what the user's own configuration of ssh says. */
  readonly ssh: SshConfig;
  /** Variables of a job that choose among its user's credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /** In order of preference. */
  readonly mechanisms: readonly Mechanism[];
  readonly fallback: Fallback;
  readonly project: string;
  /** Compiles at once on this machine; undefined: as many as there are cores. */
  readonly localSlots?: number;
  /** What the agent keeps on this machine's disk: results up to so many bytes (0: none), and what it knows of compilers. */
  readonly cache: { readonly directory: string; readonly bytes: number };
  /** Share of jobs, 0 to 1, that are compiled twice and compared. */
  readonly verify: number;
  readonly locked: ReadonlySet<LockableSetting>;
  /** The files that were read or looked for, strongest first. */
  readonly files: readonly string[];
}

const path = { type: 'string', minLength: 1, maxLength: 4096 };
const name = { type: 'string', minLength: 1, maxLength: 253 };
const closed = (properties: Record<string, object>): object => ({ type: 'object', properties, additionalProperties: false });

export const clientConfigSchema = closed({
  $schema: { type: 'string' },
  hosts: { type: 'array', items: { ...name, maxLength: 512 }, maxItems: 1000 },
  discovery: closed({ dns: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 64 }, minItems: 1, maxItems: 8 } }),
  trust: closed({
    ca: path, crl: path, servers: { type: 'array', items: name, minItems: 1, maxItems: 1000 },
    farm: farmTrustSchema,
    realm: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$', description: 'the name of a realm' },
    service: {
      type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,252})?$',
      description: 'a service such as "wardcc", or a principal without its realm',
    },
  }),
  credentials: closed({
    cert: path, key: path,
    ccache: { type: 'string', pattern: '^(FILE|DIR|KEYRING|KCM):.{0,4096}$', description: 'a credential cache such as "FILE:/tmp/krb5cc_1000"' },
  }),
  ssh: closed({ config: path, knownHosts: path, identity: path }),
  mechanisms: { type: 'array', items: { enum: ['krb5', 'cert', 'ssh'] }, minItems: 1, uniqueItems: true },
  fallback: { enum: ['never', 'infra', 'always'] },
  project: { type: 'string', minLength: 1, maxLength: 256 },
  localSlots: { type: 'integer', minimum: 1, maximum: 9999 },
  cache: closed({ directory: path, bytes: { type: 'integer', minimum: 0, maximum: 2 ** 50 } }),
  verify: { type: 'string', pattern: sharePattern, description: 'a share such as "1%"' },
  lock: { type: 'array', items: { enum: settings }, uniqueItems: true },
});

type Environment = Readonly<Record<string, string | undefined>>;

export interface ClientPlaces {
  readonly system: string;
  readonly home: string;
}

const placesOf = (env: Environment): ClientPlaces => ({ system: '/etc/wardcc/client.jsonc', home: env['HOME'] ?? '/' });

/** The files that make the configuration: system first, then the user's (or the one that WARDCC_CONFIG names). */
export const clientFiles = (env: Environment, places = placesOf(env)): { system: string; user: string; named: boolean } => {
  const chosen = env['WARDCC_CONFIG'];
  const named = chosen !== undefined && chosen !== '';
  return { system: places.system, user: named ? resolve(chosen) : join(places.home, '.config', 'wardcc', 'client.jsonc'), named };
};

/** A file that is there and cannot be read is an error later, not an absent one. */
const exists = (file: string): Promise<boolean> =>
  access(file).then(() => true, ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT' && code !== 'ENOTDIR');

/** A file with its paths made absolute; an absent one says nothing. */
const readFile = async (file: string, required: boolean): Promise<ClientFile> => {
  if (!required && !await exists(file)) return {};
  const content = await readJsonc<ClientFile>(file, clientConfigSchema);
  const directory = dirname(file);
  const absolute = <T extends Record<string, unknown>>(group: T, keys: readonly (keyof T)[]): T =>
    Object.fromEntries(
      Object.entries(group).map(([key, value]) => [key, keys.includes(key) ? resolve(directory, value as string) : value]),
    ) as T;
  return {
    ...content,
    ...(content.trust === undefined ? {} : { trust: absoluteFarm(directory, absolute(content.trust, ['ca', 'crl']), file) }),
    ...(content.cache === undefined ? {} : { cache: absolute(content.cache, ['directory']) }),
    ...(content.credentials === undefined ? {} : { credentials: absoluteCache(directory, absolute(content.credentials, ['cert', 'key'])) }),
    ...(content.ssh === undefined ? {} : { ssh: absolute(content.ssh, ['config', 'knownHosts', 'identity']) }),
  };
};

const absoluteFarm = (directory: string, { farm, ...trust }: NonNullable<ClientFile['trust']>, file: string): NonNullable<ClientFile['trust']> => {
  if (farm === undefined) return trust;
  if (trust.servers !== undefined) {
    throw new WardError('config-invalid', `${file}: trust.farm says which servers there are, so trust.servers must not.`, { at: file });
  }
  return { ...trust, farm: { ...farm, file: resolve(directory, farm.file) } };
};

/** `FILE:name` and `DIR:name` are relative to the file too. */
const absoluteCache = <T extends { ccache?: string }>(directory: string, credentials: T): T => {
  const [, type, path] = /^(FILE|DIR):(.+)$/s.exec(credentials.ccache ?? '') ?? [];
  return path === undefined ? credentials : { ...credentials, ccache: `${type}:${resolve(directory, path)}` };
};

/** What a process that lives longer has to say, and wants to know. */
export interface LoadOptions {
  readonly farmFile?: FarmFile;
  /** Told of each file that decides beside those of `clientFiles`. */
  readonly also?: (file: string) => void;
}

/**
 * Reads the configuration. Without any file: no servers, everything is compiled locally.
 *
 * @throws WardError `config-invalid` with the position of the first mistake
 */
export const loadClientConfig = async (
  env: Environment, places = placesOf(env), { farmFile = new FarmFile(), also = () => {} }: LoadOptions = {},
): Promise<ClientConfig> => {
  const files = clientFiles(env, places);
  const system = await readFile(files.system, false);
  const user = await readFile(files.user, files.named);
  if (user.lock !== undefined) {
    throw new WardError('config-invalid', `${files.user}: only ${files.system} can lock settings.`, { at: files.user });
  }
  const locked = new Set(system.lock ?? []);
  const pick = <K extends LockableSetting>(key: K): ClientFile[K] => (locked.has(key) ? system[key] : user[key] ?? system[key]);
  const { farm: written, ...trust } = pick('trust') ?? {};
  const cache = { directory: join(places.home, '.cache', 'wardcc'), bytes: defaultCacheBytes, ...pick('cache') };
  for (const file of written === undefined ? [] : FarmFile.files(written)) also(file);
  const farm = written === undefined ? undefined : await farmFile.load(written, cache.directory);
  const names = [...farm?.servers.keys() ?? []];
  const { servers, domains, localSlots } = parseHosts(pick('hosts') ?? names);
  const slots = pick('localSlots') ?? localSlots;
  const discovery = pick('discovery');
  return {
    servers,
    domains,
    ...(discovery === undefined ? {} : { discovery }),
    ...(farm === undefined ? {} : { farm }),
    trust: { servers: names, ...trust },
    credentials: { ...defaultCertPaths(places.home), ...pick('credentials') },
    ssh: pick('ssh') ?? {},
    environment: {},
    mechanisms: pick('mechanisms') ?? ['krb5', 'cert', 'ssh'],
    fallback: pick('fallback') ?? 'infra',
    project: pick('project') ?? 'default',
    ...(slots === undefined ? {} : { localSlots: slots }),
    cache,
    verify: parseShare(pick('verify') ?? '0%') ?? 0,
    locked,
    files: [files.user, files.system],
  };
};

/** They choose which of the user's own credentials is taken, and never whom to trust. */
export const credentialVariables = ['KRB5CCNAME', 'KRB5_CONFIG', 'SSH_AUTH_SOCK'] as const;

const choices = (env: Environment): Record<string, string> | undefined => {
  const found = credentialVariables.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  return found.length === 0 ? undefined : Object.fromEntries(found);
};

/** Everything of an environment that `withEnvironment` looks at. */
export const decidingVariables: readonly string[] = ['WARDCC_HOSTS', 'WARDCC_FALLBACK', 'WARDCC_PROJECT', ...credentialVariables];

/** The settings of one job or command: the configuration with what its environment says. Throws `config-invalid`. */
export const withEnvironment = (config: ClientConfig, env: Environment): ClientConfig => {
  const hosts = config.locked.has('hosts') ? undefined : env['WARDCC_HOSTS'];
  const fallback = config.locked.has('fallback') ? undefined : env['WARDCC_FALLBACK'];
  const project = config.locked.has('project') ? undefined : env['WARDCC_PROJECT'];
  const verify = config.locked.has('verify') ? undefined : env['WARDCC_VERIFY'];
  const environment = config.locked.has('credentials') ? undefined : choices(env);
  if (hosts === undefined && !fallback && !project && !verify && environment === undefined) return config;
  if (fallback && fallback !== 'never' && fallback !== 'infra' && fallback !== 'always') {
    throw new WardError('config-invalid', `WARDCC_FALLBACK is ${JSON.stringify(fallback)}; it can be never, infra or always.`);
  }
  const share = verify ? parseShare(verify) : config.verify;
  if (share === undefined) throw new WardError('config-invalid', `WARDCC_VERIFY is ${JSON.stringify(verify)}; it can be a share such as 1%.`);
  const { servers, domains, localSlots } = hosts === undefined
    ? { servers: config.servers, domains: config.domains ?? [], localSlots: undefined }
    : parseHostsVariable(hosts);
  return {
    ...config,
    servers,
    domains,
    ...(environment === undefined ? {} : { environment }),
    ...(fallback ? { fallback: fallback as Fallback } : {}),
    ...(project ? { project } : {}),
    verify: share,
    ...(localSlots === undefined || config.locked.has('localSlots') ? {} : { localSlots }),
  };
};
