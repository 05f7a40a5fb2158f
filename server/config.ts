/**
 * What an administrator may say in `server.jsonc`: its type, its schema, and the defaults. Relative paths are relative to
 * the file. The file is read by the supervisor alone; each child is told only what it needs.
 *
 * @module
 */
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { farmTrustSchema, type WrittenFarmTrust } from '../policy/farm-file.ts';
import { readJsonc } from '../policy/jsonc.ts';
import { sharedCacheSchema, type SharedCacheConfig } from './store/shared-config.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Krb5Config {
  /** Keys of the service; nobody but its owner may read the file. */
  readonly keytab: string;
  /** `wardcc/HOST`, with `@REALM` where the keytab has it in more than one realm. */
  readonly service: string;
  /** A krb5.conf instead of the machine's own. */
  readonly config: string | undefined;
}

export interface SshConfig {
  /** The account under which sshd starts the bridges. */
  readonly user: string;
  /** Revoked keys and certificates: what `ssh-keygen -k` makes, or public keys as text. */
  readonly krl: string | undefined;
}

export interface ClientTrust {
  readonly clientCa: string;
  readonly crl: string;
}

export interface ServerConfig {
  /** Name under which clients know this server; it stands in its certificate. */
  readonly name: string;
  readonly listen: readonly ListenAddress[];
  readonly tls: { readonly cert: string; readonly key: string };
  /** Who issues the certificates of people, and what was revoked; absent: no certificate lets anybody in. */
  readonly clients: ClientTrust | undefined;
  /** Kerberos; absent: not accepted. */
  readonly krb5: Krb5Config | undefined;
  readonly policy: string;
  /** Persistent state: store, stages, slots. Never on NFS. */
  readonly state: string;
  /** Sockets and the ready file; gone after a reboot. */
  readonly run: string;
  /** The decision log's directory. */
  readonly log: string;
  /** Compiles at once. */
  readonly slots: number;
  /** Executors beyond that, which prepare jobs while others compile. */
  readonly spares: number;
  /** Jobs admitted at once: those that upload, wait and compile. */
  readonly jobs: number;
  /** Jobs that may stand in line beyond the admitted ones before `busy` is final. */
  readonly queue: number;
  /** Absolute paths of the compilers to offer; absent ones are passed over. */
  readonly toolchains: readonly string[];
  /** Every so many minutes all that was staged is hashed again. */
  readonly rehashMinutes: number;
  readonly isolation: 'strict' | 'strict-rlimit';
  /** cgroup directories delegated to this server, by controller (v1) or `unified` (v2); found by itself when absent. */
  readonly cgroup: Readonly<Record<string, string>> | undefined;
  readonly durability: 'process' | 'power';
  readonly store: { readonly maxBytes: number };
  readonly slotBytes: number;
  readonly connections: { readonly total: number; readonly perAddress: number };
  /** Jobs that one session may begin: on average, and at once. */
  readonly jobRate: { readonly perSecond: number; readonly burst: number };
  /** The signed farm file: whose results count here, and since when. */
  readonly farm: WrittenFarmTrust | undefined;
  /** A cache that the servers of the farm share; absent: each keeps its own results. */
  readonly shared: SharedCacheConfig | undefined;
  /** SSH connections; absent: none are taken. */
  readonly ssh: SshConfig | undefined;
  /** Accounts of the children when the supervisor starts as root. */
  readonly users: { readonly front: string; readonly keeper: string; readonly slots: readonly string[] } | undefined;
}

const path = { type: 'string', minLength: 1, maxLength: 4096 } as const;
const account = { type: 'string', pattern: '^[a-z_][a-z0-9_-]{0,31}$' } as const;
const count = (maximum: number) => ({ type: 'integer', minimum: 1, maximum }) as const;

export const serverConfigSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tls', 'policy', 'state', 'run', 'log'],
  properties: {
    $schema: { type: 'string' },
    name: { type: 'string', minLength: 1, maxLength: 253 },
    listen: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['host'],
        properties: { host: { type: 'string', minLength: 1, maxLength: 253 }, port: { type: 'integer', minimum: 0, maximum: 65535 } },
      },
    },
    tls: {
      type: 'object',
      additionalProperties: false,
      required: ['cert', 'key'],
      properties: { cert: path, key: path, clientCa: path, crl: path },
      dependentRequired: { clientCa: ['crl'], crl: ['clientCa'] },
    },
    krb5: {
      type: 'object',
      additionalProperties: false,
      required: ['keytab'],
      properties: {
        keytab: path,
        service: {
          type: 'string',
          pattern: '^[A-Za-z0-9._-]{1,64}/[A-Za-z0-9._-]{1,253}(@[A-Za-z0-9._-]{1,253})?$',
          description: 'a service such as "wardcc/build1.corp.example"',
        },
        config: path,
      },
    },
    policy: path,
    farm: farmTrustSchema,
    shared: sharedCacheSchema,
    state: path,
    run: path,
    log: path,
    slots: count(1024),
    spares: { type: 'integer', minimum: 0, maximum: 1024 },
    jobs: count(8192),
    queue: { type: 'integer', minimum: 0, maximum: 65536 },
    toolchains: { type: 'array', maxItems: 256, items: path },
    rehashMinutes: { type: 'number', minimum: 0.01, maximum: 7 * 24 * 60 },
    isolation: { enum: ['strict', 'strict-rlimit'] },
    cgroup: { type: 'object', maxProperties: 8, required: [], additionalProperties: path },
    durability: { enum: ['process', 'power'] },
    store: {
      type: 'object',
      additionalProperties: false,
      required: [],
      properties: { maxBytes: { type: 'integer', minimum: 1 << 20, maximum: 2 ** 50 } },
    },
    slotBytes: { type: 'integer', minimum: 1 << 20, maximum: 2 ** 40 },
    connections: {
      type: 'object',
      additionalProperties: false,
      required: [],
      properties: { total: count(65536), perAddress: count(65536) },
    },
    jobRate: {
      type: 'object',
      additionalProperties: false,
      required: [],
      properties: { perSecond: count(1_000_000), burst: count(1_000_000) },
    },
    ssh: {
      type: 'object',
      additionalProperties: false,
      required: ['user'],
      properties: { user: account, krl: path },
    },
    users: {
      type: 'object',
      additionalProperties: false,
      required: ['front', 'keeper', 'slots'],
      properties: {
        front: account,
        keeper: account,
        slots: { type: 'array', minItems: 1, maxItems: 1024, items: account },
      },
    },
  },
} as const;

/** The socket at which the front takes what SSH bridges bring. */
export const sshSocket = (config: Pick<ServerConfig, 'run'>): string => join(config.run, 'front', 'ssh.sock');

const defaultToolchains = ['gcc', 'g++', 'cc', 'c++', 'clang', 'clang++'].map((name) => `/usr/bin/${name}`);
const gibibyte = 2 ** 30;

const sharedFiles: ReadonlySet<string> = new Set(['socket', 'ca', 'crl', 'passwordFile', 'farmKeyFile']);

const absoluteFiles = <T extends object>(written: T, at: (name: string) => string): T =>
  Object.fromEntries(Object.entries(written).map(([key, value]) => [key, sharedFiles.has(key) ? at(value as string) : value])) as T;

const absoluteShared = ({ peers, ...shared }: SharedCacheConfig, at: (name: string) => string): SharedCacheConfig =>
  ({ ...absoluteFiles(shared, at), ...(peers === undefined ? {} : { peers: absoluteFiles(peers, at) }) });

/** One for two compilers: that many are between two jobs at a time. Each needs an account where slots have accounts. */
const defaultSpares = (slots: number, accounts = Infinity): number => Math.max(0, Math.min(Math.ceil(slots / 2), accounts - slots));

/**
 * Reads and completes a server configuration.
 *
 * @throws WardError `config-invalid` with the position.
 */
export async function loadServerConfig(file: string): Promise<ServerConfig> {
  const raw = await readJsonc<Partial<Omit<ServerConfig, 'tls' | 'clients' | 'krb5' | 'store' | 'connections' | 'jobRate'>> & {
    tls: ServerConfig['tls'] & Partial<ClientTrust>;
    krb5?: Pick<Krb5Config, 'keytab'> & Partial<Krb5Config>;
    store?: Partial<ServerConfig['store']>;
    connections?: Partial<ServerConfig['connections']>;
    jobRate?: Partial<ServerConfig['jobRate']>;
  }>(file, serverConfigSchema);
  const base = dirname(resolve(file));
  const at = (name: string | undefined): string => resolve(base, name ?? '');
  const slots = raw.slots ?? cpus().length;
  const name = raw.name ?? 'localhost';
  return {
    name,
    listen: (raw.listen ?? [{ host: '::', port: 7632 }]).map(({ host, port }) => ({ host, port: port ?? 7632 })),
    tls: { cert: at(raw.tls.cert), key: at(raw.tls.key) },
    clients: raw.tls.clientCa === undefined ? undefined : { clientCa: at(raw.tls.clientCa), crl: at(raw.tls.crl) },
    krb5: raw.krb5 === undefined ? undefined : {
      keytab: at(raw.krb5.keytab),
      service: raw.krb5.service ?? `wardcc/${name}`,
      config: raw.krb5.config === undefined ? undefined : at(raw.krb5.config),
    },
    policy: at(raw.policy),
    farm: raw.farm === undefined ? undefined : { ...raw.farm, file: at(raw.farm.file) },
    shared: raw.shared === undefined ? undefined : absoluteShared(raw.shared, at),
    state: at(raw.state),
    run: at(raw.run),
    log: at(raw.log),
    slots,
    spares: raw.spares ?? defaultSpares(slots, raw.users?.slots.length),
    jobs: raw.jobs ?? 2 * slots,
    queue: raw.queue ?? 16 * slots,
    toolchains: raw.toolchains ?? defaultToolchains,
    rehashMinutes: raw.rehashMinutes ?? 60,
    isolation: raw.isolation ?? 'strict',
    cgroup: raw.cgroup,
    durability: raw.durability ?? 'process',
    store: { maxBytes: raw.store?.maxBytes ?? 8 * gibibyte },
    slotBytes: raw.slotBytes ?? gibibyte,
    connections: { total: raw.connections?.total ?? 1024, perAddress: raw.connections?.perAddress ?? 128 },
    jobRate: { perSecond: raw.jobRate?.perSecond ?? 1000, burst: raw.jobRate?.burst ?? 8192 },
    ssh: raw.ssh === undefined ? undefined : { user: raw.ssh.user, krl: raw.ssh.krl === undefined ? undefined : at(raw.ssh.krl) },
    users: raw.users,
  };
}
