/**
 * What a keeper says of a result, and signs: an in-toto Statement (v1) with SLSA provenance (v1) as its predicate. One signature does for
 * all: clients and caches check it, and as a DSSE envelope it shows anybody else where an object came from.
 *
 * The text follows from its parts, so it never travels beside them: whoever has a result, its claim and the names of its outputs makes
 * the same bytes. https://github.com/in-toto/attestation, https://slsa.dev/spec/v1.0/provenance, https://github.com/secure-systems-lab/dsse
 *
 * @module
 */
import { resultDigest, type ResultParts } from './action.ts';

/** What is claimed of a result, beside what came out. All of it is the keeper's own word but for the action. */
export interface Claim {
  /** Name of the server whose keeper says so. */
  readonly server: string;
  /** Of the farm file: results of an older one are recalled. */
  readonly epoch: number;
  /** Number of the decision in the server's log. */
  readonly job: number;
  /** For whom it was compiled, as printed: `cert:alice@corp.example`. */
  readonly principal: string;
  /** Cache domain, which is a part of the action. */
  readonly domain: string;
  /** Digest of the policy that allowed it. */
  readonly policy: string;
  readonly toolchain: string;
  /** Digest of what ran. */
  readonly action: string;
  /** When it was signed, ISO 8601 in UTC with milliseconds. */
  readonly finished: string;
}

export const payloadType = 'application/vnd.in-toto+json';
export const statementType = 'https://in-toto.io/Statement/v1';
export const predicateType = 'https://slsa.dev/provenance/v1';
/** How the action is made and run: PROTOCOL.md. */
export const buildType = 'wardcc:compile/v1';
/** As in the server's certificate. */
const builderScheme = 'wardcc-server:';

/** The statement as text, always the same for the same parts. `names`: of the outputs that the job may have, by index. */
export const statementOf = (claim: Claim, parts: ResultParts, names: readonly string[]): string => JSON.stringify({
  _type: statementType,
  subject: parts.outputs.map(({ index, digest }) => ({ name: names[index] ?? '', digest: { sha256: digest } })),
  predicateType,
  predicate: {
    buildDefinition: {
      buildType,
      externalParameters: { action: claim.action },
      internalParameters: { domain: claim.domain, epoch: claim.epoch, policy: claim.policy, principal: claim.principal },
      resolvedDependencies: [{ name: 'toolchain', digest: { sha256: claim.toolchain } }],
    },
    runDetails: {
      builder: { id: `${builderScheme}${claim.server}` },
      metadata: { invocationId: String(claim.job), finishedOn: claim.finished },
      byproducts: [{ name: 'result', digest: { sha256: resultDigest(parts) } }],
    },
  },
});

/** Attacker-controlled until its signature was checked. What a statement says of where a result lies; undefined if it is no statement. */
export const claimOf = (statement: string): Pick<Claim, 'server' | 'epoch' | 'action' | 'domain'> | undefined => {
  try {
    const { predicate: { buildDefinition, runDetails } } = JSON.parse(statement) as { predicate: { buildDefinition: BuildDefinition; runDetails: { builder: { id: string } } } };
    const { internalParameters: { epoch, domain }, externalParameters: { action } } = buildDefinition;
    const { id } = runDetails.builder;
    const known = typeof id === 'string' && id.startsWith(builderScheme) && typeof domain === 'string' && Number.isSafeInteger(epoch);
    return known && /^[0-9a-f]{64}$/.test(action) ? { server: id.slice(builderScheme.length), epoch, action, domain } : undefined;
  } catch {
    return undefined;
  }
};

interface BuildDefinition {
  readonly externalParameters: { readonly action: string };
  readonly internalParameters: { readonly epoch: number; readonly domain: string };
}

/** DSSE's pre-authentication encoding: what the signature is over. */
export const preAuthentication = (payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]);

/** A DSSE envelope; all of it is base64 but the type. */
export interface Envelope {
  readonly payloadType: typeof payloadType;
  readonly payload: string;
  readonly signatures: readonly [{ readonly keyid: string; readonly sig: string }];
}

export const envelopeOf = (statement: string, { key, signature }: { readonly key: string; readonly signature: string }): Envelope =>
  ({ payloadType, payload: Buffer.from(statement).toString('base64'), signatures: [{ keyid: key, sig: signature }] });
