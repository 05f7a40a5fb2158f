/**
 * The form of a policy file, as JSON Schema (2020-12), and the TypeScript types of what it admits.
 *
 * A `description` next to a `pattern` completes the sentence "… must be …" of an error message. `wardctl policy schema` prints this for
 * editors.
 *
 * @module
 */
import { sourceSchema, type WrittenSource } from './committers/kinds.ts';
import { sshSchema, type WrittenSsh } from './ssh.ts';
import type { CacheScope, Mechanism } from './types.ts';

const id = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  description: 'a short name of letters, digits, dot, dash and underscore',
} as const;
const mechanism = { type: 'string', enum: ['krb5', 'cert', 'ssh'] } as const;
const mechanismList = { type: 'array', minItems: 1, uniqueItems: true, items: mechanism } as const;
const fingerprint = {
  type: 'string',
  pattern: '^(\\*|sha256:[0-9a-f]{64})$',
  description: '"*" or "sha256:" with 64 lower-case hex digits',
} as const;
const size = {
  type: ['integer', 'string'],
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  pattern: '^[1-9][0-9]{0,5}(KiB|MiB|GiB)$',
  description: 'a number of bytes, or text such as "512MiB"',
} as const;
const count = (maximum: number) => ({ type: 'integer', minimum: 1, maximum }) as const;
const nameList = {
  type: 'array',
  minItems: 1,
  maxItems: 256,
  uniqueItems: true,
  items: { type: 'string', minLength: 2, maxLength: 256 },
} as const;
const shortText = { type: 'string', minLength: 1, maxLength: 1024 } as const;

const who = {
  type: 'string',
  pattern: '^(\\*|(committer|group|source|krb5|cert|ssh):.{1,256})$',
  description: '"*", "committer:NAME", "group:NAME", "source:ID", "krb5:NAME@REALM", "cert:NAME" or "ssh:NAME"',
} as const;

const project = {
  type: 'string',
  pattern: '^(\\*|[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*/?)$',
  description: '"*", a project name, or a prefix that ends in "/"',
  maxLength: 256,
} as const;

const jobChoices = {
  limits: { ...id },
  quota: { ...id },
  weight: { type: 'number', minimum: 0.01, maximum: 1000 },
  cache: { type: 'string', enum: ['none', 'own', 'domain'] },
  domain: { ...id },
} as const;

export const policySchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://wardcc.example/policy.schema.json',
  title: 'wardcc policy',
  type: 'object',
  additionalProperties: false,
  required: ['serial', 'mechanisms', 'identities', 'committers', 'rules'],
  properties: {
    $schema: { type: 'string' },
    serial: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    mechanisms: mechanismList,
    anchors: {
      type: 'array',
      maxItems: 256,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id'],
        properties: { id, ca: fingerprint, uri: nameList, email: nameList, upn: nameList },
      },
    },
    ssh: sshSchema(id),
    identities: {
      type: 'array',
      maxItems: 10_000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id'],
        properties: {
          id,
          principal: {
            type: 'string',
            pattern: '^(krb5|cert|ssh):[^\\s]{1,256}$',
            description: '"krb5:", "cert:" or "ssh:" and a name, possibly with parts such as {user}',
          },
          committer: { type: 'string', minLength: 1, maxLength: 256 },
          mechanism: { type: 'string', enum: ['krb5'] },
          realms: {
            type: 'object',
            minProperties: 1,
            propertyNames: { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,255}$', description: 'the name of a realm' },
            additionalProperties: { type: 'string', minLength: 1, maxLength: 256 },
          },
        },
      },
    },
    committers: {
      type: 'object',
      additionalProperties: false,
      required: ['sources'],
      properties: {
        combine: { type: 'string', enum: ['any', 'all'] },
        sources: {
          type: 'array',
          minItems: 1,
          maxItems: 64,
          items: sourceSchema(id),
        },
      },
    },
    groups: {
      type: 'object',
      propertyNames: { pattern: id.pattern, description: id.description },
      additionalProperties: { type: 'array', maxItems: 100_000, uniqueItems: true, items: who },
    },
    rules: {
      type: 'array',
      maxItems: 10_000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'effect', 'who'],
        properties: {
          id,
          effect: { type: 'string', enum: ['allow', 'deny'] },
          who: { type: 'array', minItems: 1, maxItems: 10_000, uniqueItems: true, items: who },
          projects: { type: 'array', minItems: 1, maxItems: 10_000, uniqueItems: true, items: project },
          compilers: { type: 'array', minItems: 1, maxItems: 1000, uniqueItems: true, items: fingerprint },
          languages: {
            type: 'array',
            minItems: 1,
            maxItems: 64,
            uniqueItems: true,
            items: { type: 'string', minLength: 1, maxLength: 64 },
          },
          mechanisms: mechanismList,
          because: shortText,
          ...jobChoices,
        },
      },
    },
    limits: {
      type: 'object',
      propertyNames: { pattern: id.pattern, description: id.description },
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        properties: {
          cpuSeconds: count(86_400),
          wallSeconds: count(86_400),
          memoryBytes: size,
          processes: count(32_768),
          fileBytes: size,
          outputBytes: size,
          inodes: count(100_000_000),
          diagnosticsBytes: size,
          openFiles: { type: 'integer', minimum: 16, maximum: 1_048_576 },
        },
      },
    },
    quotas: {
      type: 'object',
      propertyNames: { pattern: id.pattern, description: id.description },
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        properties: { jobs: count(100_000), queued: count(100_000), storePercent: { type: 'number', exclusiveMinimum: 0, maximum: 100 } },
      },
    },
    defaults: { type: 'object', additionalProperties: false, properties: jobChoices },
  },
} as const;

export interface WrittenChoices {
  readonly limits?: string;
  readonly quota?: string;
  readonly weight?: number;
  readonly cache?: CacheScope;
  readonly domain?: string;
}

export interface WrittenRule extends WrittenChoices {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  readonly who: readonly string[];
  readonly projects?: readonly string[];
  readonly compilers?: readonly string[];
  readonly languages?: readonly string[];
  readonly mechanisms?: readonly Mechanism[];
  readonly because?: string;
}

export interface WrittenIdentity {
  readonly id: string;
  readonly principal?: string;
  readonly committer?: string;
  readonly mechanism?: 'krb5';
  readonly realms?: Readonly<Record<string, string>>;
}

export interface WrittenAnchor {
  readonly id: string;
  readonly ca?: string;
  readonly uri?: readonly string[];
  readonly email?: readonly string[];
  readonly upn?: readonly string[];
}

/** A policy as its author wrote it, after the schema accepted it. */
export interface WrittenPolicy {
  readonly serial: number;
  readonly mechanisms: readonly Mechanism[];
  readonly anchors?: readonly WrittenAnchor[];
  readonly ssh?: WrittenSsh;
  readonly identities: readonly WrittenIdentity[];
  readonly committers: { readonly combine?: 'any' | 'all'; readonly sources: readonly WrittenSource[] };
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  readonly rules: readonly WrittenRule[];
  readonly limits?: Readonly<Record<string, Readonly<Record<string, number | string>>>>;
  readonly quotas?: Readonly<Record<string, { readonly jobs?: number; readonly queued?: number; readonly storePercent?: number }>>;
  readonly defaults?: WrittenChoices;
}
