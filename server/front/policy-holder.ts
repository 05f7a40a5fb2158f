/**
 * The policy in force. A change on disk replaces it whole or not at all; every question about a person goes through here,
 * so that a session is judged by the same rules when it opens, at each job, and whenever something changed.
 *
 * @module
 */
import { decide } from '../../policy/decide.ts';
import { resolveIdentity } from '../../policy/identity.ts';
import { loadPolicy } from '../../policy/load.ts';
import { parsePrincipal } from '../../policy/principal.ts';
import type { Decision, DecisionRequest, Mechanism, Policy } from '../../policy/types.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { JobSession } from '../jobs/services.ts';
import type { Identity, Session } from './session.ts';

type Question = Omit<DecisionRequest, 'principal' | 'committer' | 'isCommitter' | 'sources'>;

export class PolicyHolder {
  readonly #file: string;
  #policy: Policy;

  private constructor(file: string, policy: Policy) {
    this.#file = file;
    this.#policy = policy;
  }

  /** @throws WardError `config-invalid` or `policy-unavailable`: without a first good policy there is no server. */
  static async load(file: string): Promise<PolicyHolder> {
    return new PolicyHolder(file, await loadPolicy(file));
  }

  get current(): Policy {
    return this.#policy;
  }

  get file(): string {
    return this.#file;
  }

  /** Files of the committer sources. */
  get sourceFiles(): readonly string[] {
    return this.#policy.committers.sources.flatMap(({ files }) => files);
  }

  /** Committer sources whose last reading failed. */
  get problems(): readonly WardError[] {
    return this.#policy.committers.sources.flatMap(({ problem }) => problem ?? []);
  }

  /** Reads the committer sources again. One that fails keeps its last good answer for its stated time, then knows nobody. */
  async reloadSources(): Promise<void> {
    await Promise.all(this.#policy.committers.sources.map((source) => source.reload()));
  }

  /** Reads the policy again. @throws WardError when it is broken or older: then the last good one stays in force. */
  async reload(): Promise<void> {
    const next = await loadPolicy(this.#file);
    if (next.serial < this.#policy.serial) {
      throw new WardError('policy-unavailable', `The policy on disk has serial ${next.serial}, older than ${this.#policy.serial} which is in force.`, { at: this.#file });
    }
    if (next.serial === this.#policy.serial && next.digest !== this.#policy.digest) {
      throw new WardError('policy-unavailable', `The policy on disk changed but kept serial ${next.serial}: raise it.`, { at: this.#file });
    }
    this.#policy = next;
  }

  permits(mechanism: Mechanism): boolean {
    return this.#policy.mechanisms.includes(mechanism);
  }

  /** May this identity have a session? @throws WardError `identity-unknown` */
  decideConnection(identity: Identity): { committer: string; decision: Decision } {
    const principal = principalOf(identity.principal);
    const { committer } = resolveIdentity(this.#policy, principal);
    const standing = this.#policy.committers.standing(committer);
    return { committer, decision: decide(this.#policy, { action: 'connect', principal, committer, ...standing }) };
  }

  decide(session: JobSession, what: Question): { request: DecisionRequest; decision: Decision } {
    const principal = principalOf(session.principal);
    const { committer } = resolveIdentity(this.#policy, principal);
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
}

function principalOf(printed: string): NonNullable<ReturnType<typeof parsePrincipal>> {
  const principal = parsePrincipal(printed);
  if (principal === undefined) throw new WardError('identity-unknown', 'The name that was authenticated cannot be a principal.');
  return principal;
}
