/**
 * What a loaded policy is made of. Everything here is immutable; only committer sources change under it, by `reload`.
 *
 * @module
 */
import type { ErrorCode } from '../protocol/errors.ts';
import type { Committers } from './committers/source.ts';
import type { IdentityTable } from './identity.ts';
import type { Finding } from './jsonc.ts';
import type { SshTrust } from './ssh.ts';

export type Mechanism = 'krb5' | 'cert' | 'ssh';
export const mechanisms: readonly Mechanism[] = Object.freeze(['krb5', 'cert', 'ssh']);

/** Who somebody is according to an authentication mechanism; printed `krb5:alice@CORP.EXAMPLE`. */
export interface Principal {
  readonly mechanism: Mechanism;
  readonly name: string;
}

/** What one job may use. */
export interface Limits {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly memoryBytes: number;
  readonly processes: number;
  /** Largest single file the job may write. */
  readonly fileBytes: number;
  /** All that the job may leave as outputs. */
  readonly outputBytes: number;
  /** Files, directories and links in the job's own file system, inputs included. */
  readonly inodes: number;
  /** What the compiler may print. */
  readonly diagnosticsBytes: number;
  readonly openFiles: number;
}

/** What one committer may use at once on one server. */
export interface Quota {
  /** Jobs that run at the same time. */
  readonly jobs: number;
  /** Jobs that wait for a slot. */
  readonly queued: number;
  /** Percent of the content store that is theirs while they use it; beyond it they yield to those who are within theirs. */
  readonly storePercent: number;
}

/** Whose results a job may get, and who may get its result. */
export type CacheScope = 'none' | 'own' | 'domain';

export type NameKind = 'uri' | 'email' | 'upn';

/** Which names a certificate authority may assert. */
export interface Anchor {
  readonly id: string;
  readonly position: string;
  /** SHA-256 fingerprint of the CA certificate in hex, or `*`: any CA that the server's TLS configuration trusts. */
  readonly ca: string;
  /** URI: what it must start with, and what is cut off. Email and UPN: what it must end with. */
  readonly names: Readonly<Record<NameKind, readonly string[]>>;
}

/** One entry of `who`: everybody, a committer, a group, the members of one committer source, or one exact principal. */
export type Who =
  | { readonly kind: 'anybody' }
  | { readonly kind: 'committer'; readonly name: string }
  | { readonly kind: 'source'; readonly id: string }
  | { readonly kind: 'group'; readonly id: string }
  | { readonly kind: 'principal'; readonly principal: Principal };

/** What a dimension of a rule admits: undefined is everything; a literal ending in `/` is a prefix (projects only). */
export type Values = readonly string[] | undefined;

export interface Rule {
  readonly id: string;
  readonly position: string;
  readonly effect: 'allow' | 'deny';
  /** As written, and with groups replaced by their members. */
  readonly who: readonly Who[];
  readonly members: readonly Who[];
  readonly projects: Values;
  /** Toolchain digests in hex. */
  readonly compilers: Values;
  readonly languages: Values;
  readonly mechanisms: readonly Mechanism[] | undefined;
  /** The author's sentence for the person who is refused. */
  readonly because: string | undefined;
  readonly limits: Limits;
  readonly quota: Quota;
  readonly weight: number;
  readonly cache: CacheScope;
  /** Name of the cache domain; undefined: the project is the domain. */
  readonly domain: string | undefined;
}

export interface Policy {
  /** As given. */
  readonly file: string;
  readonly serial: number;
  /** SHA-256 of the bytes of the file, in hex. */
  readonly digest: string;
  readonly mechanisms: readonly Mechanism[];
  readonly anchors: readonly Anchor[];
  readonly ssh: SshTrust;
  readonly identities: IdentityTable;
  readonly committers: Committers;
  readonly groups: ReadonlyMap<string, readonly Who[]>;
  readonly rules: readonly Rule[];
  readonly limits: ReadonlyMap<string, Limits>;
  readonly quotas: ReadonlyMap<string, Quota>;
  readonly defaults: { readonly limits: Limits; readonly quota: Quota };
  /** Where the parts stand that decide without a rule. */
  readonly positions: { readonly mechanisms: string; readonly committers: string; readonly identities: string; readonly rules: string };
  /** What is allowed but deserves a look. */
  readonly warnings: readonly Finding[];
}

/** What the compiler-options table found against a command line. */
export interface OptionFinding {
  readonly code: ErrorCode;
  readonly option: string;
  readonly message?: string;
}

export interface DecisionRequest {
  readonly action: 'connect' | 'compile';
  readonly principal: Principal;
  readonly committer: string;
  readonly isCommitter: boolean;
  /** Ids of the committer sources that know the committer. */
  readonly sources?: readonly string[];
  readonly project?: string;
  /** Toolchain digest in hex. */
  readonly toolchain?: string;
  readonly language?: string;
  readonly optionFindings?: readonly OptionFinding[];
}

export interface Decision {
  readonly verdict: 'allow' | 'deny';
  /** Why not; absent when allowed. */
  readonly code?: ErrorCode;
  /** Id of the rule that decided, or `mechanisms`, `committers`, `options`, `default-deny`. */
  readonly rule: string;
  /** `file:line:column` of that rule. */
  readonly position: string;
  /** A whole sentence for the person who asked. */
  readonly sentence: string;
  readonly limits: Limits;
  readonly quota: Quota;
  /** Share of this person's jobs when the server is full; 1 is ordinary. */
  readonly weight: number;
  /** Results, `missing` answers and shared keys live inside one domain. */
  readonly domain: string;
  readonly cache: CacheScope;
}

export const defaultLimits: Limits = Object.freeze({
  cpuSeconds: 600,
  wallSeconds: 1200,
  memoryBytes: 4 * 2 ** 30,
  processes: 64,
  fileBytes: 2 ** 30,
  outputBytes: 2 ** 30,
  inodes: 131_072,
  diagnosticsBytes: 16 * 2 ** 20,
  openFiles: 1024,
});

export const defaultQuota: Quota = Object.freeze({ jobs: 256, queued: 1024, storePercent: 10 });

/** Ids of decisions that no rule makes; a rule may not have them. */
export const reservedRuleIds: readonly string[] = Object.freeze(['mechanisms', 'committers', 'identities', 'options', 'default-deny']);
