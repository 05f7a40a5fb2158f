/**
 * The decision: a pure function from a policy and a request to allow or deny, with the rule that decided and where it stands.
 *
 * In this order: the mechanism must be permitted, the person must be a committer, the options and the project's name must be acceptable;
 * then any deny rule that applies decides (the first one is named); then the first allow rule that applies; else the answer is no.
 *
 * @module
 */
import type { ErrorCode } from '../protocol/errors.ts';
import { formatPrincipal, isProjectName } from './principal.ts';
import type { CacheScope, Decision, DecisionRequest, Policy, Rule, Values, Who } from './types.ts';

/** Which of a rule's dimensions the request does not meet. */
export type Mismatch = 'mechanism' | 'who' | 'project' | 'compiler' | 'language';

/** Compares a request with one rule; undefined means that the rule applies. */
export const findMismatch = (rule: Rule, request: DecisionRequest): Mismatch | undefined => {
  if (rule.mechanisms !== undefined && !rule.mechanisms.includes(request.principal.mechanism)) return 'mechanism';
  if (!rule.members.some((who) => isAmong(who, request))) return 'who';
  const connecting = request.action === 'connect';
  if (!admits(rule, connecting, rule.projects, request.project, matchesProject)) return 'project';
  if (!admits(rule, connecting, rule.compilers, request.toolchain)) return 'compiler';
  if (!admits(rule, connecting, rule.languages, request.language)) return 'language';
  return undefined;
};

const isAmong = (who: Who, { principal, committer, sources = [] }: DecisionRequest): boolean => {
  switch (who.kind) {
    case 'anybody':
      return true;
    case 'committer':
      return who.name === committer;
    case 'source':
      return sources.includes(who.id);
    case 'principal':
      return who.principal.mechanism === principal.mechanism && who.principal.name === principal.name;
    case 'group':
      return false; // `members` holds no groups
  }
};

const matchesProject = (pattern: string, project: string): boolean =>
  pattern.endsWith('/') ? project.startsWith(pattern) : pattern === project;

/**
 * To connect, it is enough that some job could be allowed: an allow rule applies whatever it says of jobs, a deny rule only if it denies
 * every job. For a job, a value that is not known matches only what admits everything.
 */
const admits = (
  rule: Rule,
  connecting: boolean,
  values: Values,
  value: string | undefined,
  matches = (a: string, b: string) => a === b,
): boolean => {
  if (values === undefined) return true;
  if (connecting) return rule.effect === 'allow';
  return value !== undefined && values.some((pattern) => matches(pattern, value));
};

/** Decides. Never throws, reads nothing but its arguments. */
export const decide = (policy: Policy, request: DecisionRequest): Decision => {
  const printed = formatPrincipal(request.principal);
  const { positions } = policy;
  const deny = (code: ErrorCode, rule: string, position: string, sentence: string): Decision => ({
    verdict: 'deny',
    code,
    rule,
    position,
    sentence,
    ...policy.defaults,
    weight: 1,
    domain: domainOf('own', undefined, request),
    cache: 'none',
  });

  if (!policy.mechanisms.includes(request.principal.mechanism)) {
    return deny(
      'mechanism-not-permitted',
      'mechanisms',
      positions.mechanisms,
      `The policy does not permit the mechanism ${request.principal.mechanism}.`,
    );
  }
  if (!request.isCommitter) {
    return deny(
      'not-a-committer',
      'committers',
      positions.committers,
      `${printed} stands for ${JSON.stringify(request.committer)}, who is not a committer.`,
    );
  }
  const [option] = request.optionFindings ?? [];
  if (option !== undefined)
    return deny(option.code, 'options', positions.rules, option.message ?? `The option ${option.option} may not be sent by anybody.`);
  if (request.project !== undefined && !isProjectName(request.project)) {
    return deny(
      'policy-denied',
      'default-deny',
      positions.rules,
      'The name of the project is not valid: letters, digits, "._+-", and "/" between names.',
    );
  }

  const applying = policy.rules.filter((rule) => findMismatch(rule, request) === undefined);
  const denying = applying.find(({ effect }) => effect === 'deny');
  if (denying !== undefined) {
    return deny(
      'policy-denied',
      denying.id,
      denying.position,
      denying.because ?? `The rule "${denying.id}" denies ${printedRequest(request)} to ${printed}.`,
    );
  }
  const allowing = applying[0];
  if (allowing === undefined)
    return deny('policy-denied', 'default-deny', positions.rules, `No rule allows ${printedRequest(request)} to ${printed}.`);
  const { id, position, limits, quota, weight, cache, domain } = allowing;
  return {
    verdict: 'allow',
    rule: id,
    position,
    sentence: `The rule "${id}" allows ${printedRequest(request)} to ${printed}.`,
    limits,
    quota,
    weight,
    domain: domainOf(cache, domain, request),
    cache,
  };
};

const printedRequest = ({ action, project }: DecisionRequest): string => {
  if (action === 'connect') return 'a connection';
  return project === undefined ? 'a job' : `a job for the project ${JSON.stringify(project)}`;
};

/** Kinds of domains can't be confused: each has its own prefix. What nobody may share still lies in the person's own domain. */
const domainOf = (cache: CacheScope, domain: string | undefined, { committer, project = '' }: DecisionRequest): string => {
  if (cache !== 'domain') return `own:${committer}`;
  return domain === undefined ? `project:${project}` : `domain:${domain}`;
};

/** One rule, seen from one request. */
export interface Consideration {
  readonly rule: string;
  readonly effect: 'allow' | 'deny';
  readonly position: string;
  readonly applies: boolean;
  readonly why: string;
}

/** Every rule in order, with why it applies or not; the decision itself is `decide`'s. */
export const explain = (policy: Policy, request: DecisionRequest): readonly Consideration[] =>
  policy.rules.map((rule) => {
    const mismatch = findMismatch(rule, request);
    return {
      rule: rule.id,
      effect: rule.effect,
      position: rule.position,
      applies: mismatch === undefined,
      why: whyOf(rule, request, mismatch),
    };
  });

const whyOf = (rule: Rule, request: DecisionRequest, mismatch: Mismatch | undefined): string => {
  const list = (values: readonly string[] | undefined) => (values ?? []).join(', ');
  switch (mismatch) {
    case undefined:
      return request.action === 'connect'
        ? 'it is about this person, and a job could be allowed or none can be'
        : 'every part of it matches';
    case 'mechanism':
      return `it is about ${list(rule.mechanisms)}, not ${request.principal.mechanism}`;
    case 'who':
      return `${formatPrincipal(request.principal)} (committer ${request.committer}) is not among those it names`;
    case 'project':
      return request.action === 'connect'
        ? 'it denies some projects only'
        : `the project ${request.project ?? '(any)'} is none of ${list(rule.projects)}`;
    case 'compiler':
      return request.action === 'connect'
        ? 'it denies some compilers only'
        : `the compiler ${request.toolchain ?? '(any)'} is none of ${list(rule.compilers)}`;
    case 'language':
      return request.action === 'connect'
        ? 'it denies some languages only'
        : `the language ${request.language ?? '(any)'} is none of ${list(rule.languages)}`;
  }
};
