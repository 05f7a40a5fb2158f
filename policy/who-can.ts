/**
 * Who may do something: every committer that the sources name, as every principal that stands for them, put before `decide`.
 *
 * That is exact, because rules name people by literals only: the principals that rules name one by one are asked too, and each template
 * stands for "anybody else of this form" by one witness that no rule names.
 *
 * @module
 */
import { decide } from './decide.ts';
import { principalsOf, resolveIdentity } from './identity.ts';
import { formatPrincipal, parsePrincipal } from './principal.ts';
import type { Decision, DecisionRequest, Policy, Principal } from './types.ts';

export interface Ability {
  readonly committer: string;
  /** A principal, or its template where the policy admits any value for a part. */
  readonly as: string;
  readonly decision: Decision;
}

export type Question = Omit<DecisionRequest, 'principal' | 'committer' | 'isCommitter' | 'sources' | 'optionFindings'>;

/**
 * Completes a question about a principal and decides it. Throws `identity-unknown`, or `policy-unavailable` when a source has no valid
 * answer.
 */
export const judge = (
  policy: Policy,
  principal: Principal,
  question: Question,
): { committer: string; request: DecisionRequest; decision: Decision } => {
  const { committer } = resolveIdentity(policy, principal);
  const { isCommitter, sources } = policy.committers.standing(committer);
  const request = { ...question, principal, committer, isCommitter, sources };
  return { committer, request, decision: decide(policy, request) };
};

/** Everybody with the decision about them; `complete` is false when a source can't name its people. */
export const whoCan = (policy: Policy, question: Question): { abilities: readonly Ability[]; complete: boolean } => {
  const named = new Set(
    policy.rules.flatMap(({ members }) => members.flatMap((who) => (who.kind === 'principal' ? [formatPrincipal(who.principal)] : []))),
  );
  const names = policy.committers.names;
  const abilities: Ability[] = [];
  for (const committer of names ?? []) {
    const asked = new Set<string>();
    const ask = (as: string, principal: Principal | undefined) => {
      if (principal === undefined || asked.has(as)) return;
      asked.add(as);
      const judged = judge(policy, principal, question);
      if (judged.committer === committer) abilities.push({ committer, as, decision: judged.decision });
    };
    for (const { mechanism, text, exact } of principalsOf(policy.identities, committer)) {
      const as = `${mechanism}:${text}`;
      ask(as, parsePrincipal(exact ? as : witnessOf(as, named)));
    }
    for (const printed of named) {
      const principal = parsePrincipal(printed);
      if (principal !== undefined && standsFor(policy, principal) === committer) ask(printed, principal);
    }
  }
  return { abilities, complete: names !== undefined };
};

const standsFor = (policy: Policy, principal: Principal): string | undefined => {
  try {
    return resolveIdentity(policy, principal).committer;
  } catch {
    return undefined;
  }
};

/** A principal of a template's form that no rule names. */
const witnessOf = (template: string, named: ReadonlySet<string>): string => {
  for (let filler = 'x'; ; filler += 'x') {
    const text = template.replaceAll(/\{[a-z][a-z0-9]*\}/g, filler);
    if (!named.has(text)) return text;
  }
};
