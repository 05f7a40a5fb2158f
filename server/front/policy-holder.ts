/**
 * The policy in force. A change on disk replaces it whole or not at all; every question about a person goes through here,
 * so that a session is judged by the same rules when it opens, at each job, and whenever something changed.
 *
 * @module
 */
import { basename } from 'node:path';
import { decide } from '../../policy/decide.ts';
import { resolveIdentity } from '../../policy/identity.ts';
import type { Committers, CommitterSource } from '../../policy/committers/source.ts';
import { readGuarded } from '../../policy/guarded-read.ts';
import { loadPolicy } from '../../policy/load.ts';
import { parsePrincipal } from '../../policy/principal.ts';
import type { Decision, DecisionRequest, Mechanism, Policy } from '../../policy/types.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { JobSession } from '../jobs/services.ts';
import type { Revisions } from './revision-memory.ts';
import type { Identity, Session } from './session.ts';

type Question = Omit<DecisionRequest, 'principal' | 'committer' | 'isCommitter' | 'sources'>;

/** A policy or farm file on disk that has been broken for so long means that nobody knows any more what it should say. */
export const staleMs = 3600_000;

export class PolicyHolder {
  readonly #file: string;
  readonly #memory: Revisions;
  #policy: Policy;
  #problem: WardError | undefined;
  #failingSince: number | undefined;

  private constructor(file: string, memory: Revisions, policy: Policy) {
    this.#file = file;
    this.#memory = memory;
    this.#policy = policy;
  }

  /** @throws WardError `config-invalid` or `policy-unavailable`: without a first good policy there is no server. */
  static async load(file: string, memory: Revisions): Promise<PolicyHolder> {
    return new PolicyHolder(file, memory, await read(file, memory));
  }

  get current(): Policy {
    return this.#policy;
  }

  get file(): string {
    return this.#file;
  }

  get sources(): readonly CommitterSource[] {
    return this.#policy.committers.sources;
  }

  /** Why the policy on disk is not in force; undefined when it is. */
  get problem(): WardError | undefined {
    return this.#problem;
  }

  /** Reads the policy again. @throws WardError when it is broken or older: then the last good one stays in force, for an hour. */
  async reload(now: number = Date.now()): Promise<void> {
    try {
      this.#policy = await read(this.#file, this.#memory, this.#policy.committers);
      this.#problem = undefined;
      this.#failingSince = undefined;
    } catch (thrown) {
      this.#problem = toWardError(thrown);
      this.#failingSince ??= now;
      throw this.#problem;
    }
  }

  permits(mechanism: Mechanism): boolean {
    return this.#policy.mechanisms.includes(mechanism);
  }

  /** May this identity have a session? @throws WardError `identity-unknown` */
  decideConnection(identity: Identity): { committer: string; because: string; decision: Decision } {
    const principal = principalOf(identity.principal);
    const { committer, rule, position } = resolveIdentity(this.#inForce, principal);
    const standing = this.#policy.committers.standing(committer);
    const because = `identity rule "${rule}" (${basename(position)}); committer by ${standing.sources.map((id) => `"${id}"`).join(', ')}`;
    return { committer, because, decision: decide(this.#policy, { action: 'connect', principal, committer, ...standing }) };
  }

  decide(session: JobSession, what: Question): { request: DecisionRequest; decision: Decision } {
    const principal = principalOf(session.principal);
    const { committer } = resolveIdentity(this.#inForce, principal);
    const request: DecisionRequest = { ...what, principal, committer, ...this.#policy.committers.standing(committer) };
    return { request, decision: decide(this.#policy, request) };
  }

  /** Why a live session must end now, or undefined. Fails closed: a question that cannot be answered is a no. */
  judge(session: Session): WardError | undefined {
    try {
      const { committer, decision } = this.decideConnection(session.identity);
      if (committer !== session.committer) return new WardError('access-ended', `${session.principal} is ${committer} now, no longer ${session.committer}.`);
      if (decision.verdict === 'allow') return undefined;
      return new WardError('access-ended', decision.sentence, { rule: decision.rule, at: decision.position });
    } catch (thrown) {
      return new WardError('access-ended', toWardError(thrown).message);
    }
  }

  /** The policy that questions are answered by. @throws WardError `policy-unavailable` */
  get #inForce(): Policy {
    if (this.#failingSince === undefined || Date.now() - this.#failingSince <= staleMs) return this.#policy;
    const sentence = `The policy on disk has been broken for more than ${staleMs / 60_000} minutes, so nobody may compile: ${this.#problem?.message}`;
    throw new WardError('policy-unavailable', sentence, { at: this.#file });
  }
}

/** A policy that may come into force. */
const read = async (file: string, memory: Revisions, before?: Committers): Promise<Policy> => {
  const policy = await loadPolicy(file, { readFile: readGuarded, memory, ...(before !== undefined && { before }) });
  await memory.admitPolicy(policy);
  return policy;
};

function principalOf(printed: string): NonNullable<ReturnType<typeof parsePrincipal>> {
  const principal = parsePrincipal(printed);
  if (principal === undefined) throw new WardError('identity-unknown', 'The name that was authenticated cannot be a principal.');
  return principal;
}
