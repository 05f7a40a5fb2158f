/**
 * Provenance of an object as a DSSE envelope has it: read, checked for its form, and verified under a keeper's key.
 *
 * What always holds: what is shown of a statement is what was signed. Nothing is told of an envelope in another form than ours.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto';
import { buildType, payloadType, predicateType, statementType, type Claim, type Envelope } from '../protocol/statement.ts';
import type { Farm } from './farm.ts';
import { closed, compileSchema, parseJsonc } from './jsonc.ts';
import { keyId, verifyResult } from './log/checkpoint.ts';

/** An output that a statement is about. */
export interface Subject {
  readonly name: string;
  /** In hex. */
  readonly sha256: string;
}

/** What a statement says. */
export interface Provenance extends Claim {
  readonly subjects: readonly Subject[];
  /** Names the key that it claims to be signed with. */
  readonly key: string;
}

const list = (items: object, minItems: number, maxItems: number) => ({ type: 'array', items, minItems, maxItems }) as const;
const text = { type: 'string', maxLength: 4096 } as const;
const digest = closed({ sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' } });
const named = (name: object) => closed({ name, digest });
const natural = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;

const envelopeSchema = compileSchema<Envelope>(closed({
  payloadType: { const: payloadType },
  payload: { type: 'string', maxLength: 4_000_000 },
  signatures: list(closed({ keyid: { type: 'string', maxLength: 64 }, sig: { type: 'string', maxLength: 128 } }), 1, 1),
}));

interface Statement {
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicate: {
    readonly buildDefinition: {
      readonly externalParameters: { readonly action: string };
      readonly internalParameters: Pick<Claim, 'domain' | 'epoch' | 'policy' | 'principal'>;
      readonly resolvedDependencies: readonly [{ readonly digest: { readonly sha256: string } }];
    };
    readonly runDetails: {
      readonly builder: { readonly id: string };
      readonly metadata: { readonly invocationId: string; readonly finishedOn: string };
    };
  };
}

const builder = /^wardcc-server:(.*)$/;

const statementSchema = compileSchema<Statement>(closed({
  _type: { const: statementType },
  subject: list(named(text), 0, 64),
  predicateType: { const: predicateType },
  predicate: closed({
    buildDefinition: closed({
      buildType: { const: buildType },
      externalParameters: closed({ action: text }),
      internalParameters: closed({ domain: text, epoch: natural, policy: text, principal: text }),
      resolvedDependencies: list(named({ const: 'toolchain' }), 1, 1),
    }),
    runDetails: closed({
      builder: closed({ id: { ...text, pattern: builder.source } }),
      metadata: closed({ invocationId: { type: 'string', pattern: '^[0-9]{1,16}$' }, finishedOn: text }),
      byproducts: list(named({ const: 'result' }), 1, 1),
    }),
  }),
}));

/** Reads an envelope. Attacker-controlled. @throws WardError `config-invalid` for what is none of ours */
export const readEnvelope = (written: string, file: string): Envelope => parseJsonc<Envelope>(written, file, envelopeSchema);

/** What an envelope says, whether or not it is true. Attacker-controlled. @throws WardError `config-invalid` */
export const provenanceOf = ({ payload, signatures: [{ keyid }] }: Envelope, file: string): Provenance => {
  const { subject, predicate } = parseJsonc<Statement>(Buffer.from(payload, 'base64').toString('utf8'), file, statementSchema);
  const { buildDefinition, runDetails } = predicate;
  const { domain, epoch, policy, principal } = buildDefinition.internalParameters;
  return {
    server: builder.exec(runDetails.builder.id)?.[1] ?? '', epoch, job: Number(runDetails.metadata.invocationId), principal, domain, policy,
    toolchain: buildDefinition.resolvedDependencies[0].digest.sha256, action: buildDefinition.externalParameters.action,
    finished: runDetails.metadata.finishedOn, subjects: subject.map(({ name, digest: { sha256 } }) => ({ name, sha256 })), key: keyid,
  };
};

/** Has the owner of this key signed exactly this? */
const holds = ({ payload, signatures: [{ sig }] }: Envelope, key: KeyObject): boolean => verifyResult(Buffer.from(payload, 'base64'), sig, key);

/** Whose word counts: the farm file's keys in its epoch, or one key, for whoever has nothing else. */
export type Trust = { readonly farm: Pick<Farm, 'epoch' | 'servers'> } | { readonly key: KeyObject };

/** Why an envelope is not to be believed; undefined: it is. Attacker-controlled. */
export const findDoubt = (envelope: Envelope, { server, epoch, key: named }: Provenance, trust: Trust): string | undefined => {
  if ('key' in trust) {
    if (keyId(trust.key) !== named) return `it names the key ${named}, and the key that was given is ${keyId(trust.key)}`;
    return holds(envelope, trust.key) ? undefined : 'its signature is not valid';
  }
  const known = trust.farm.servers.get(server);
  if (known === undefined) return `the farm file does not name the server ${server}`;
  const key = known.resultKeys.get(named);
  if (key === undefined) return `the farm file does not list the key ${named} for the server ${server}`;
  if (!holds(envelope, key)) return 'its signature is not valid';
  return epoch < trust.farm.epoch ? `it was recalled: it is of epoch ${epoch}, and the farm file of epoch ${trust.farm.epoch}` : undefined;
};
