/**
 * From principal to committer: exact principals first, then templates. Never regular expressions.
 *
 * What always holds: at most one rule gives a principal its committer. Two equal literals, or two templates that one principal could
 * match, are an error when the policy is loaded. A literal is a stated exception to the templates.
 *
 * @module
 */
import { WardError } from '../protocol/errors.ts';
import { findKrb5Mistake, listRealms, refuseKrb5Name } from './krb5-name.ts';
import { formatPrincipal, isCommitterName, isPrincipalName } from './principal.ts';
import { fillTemplate, findAmbiguity, findOverlap, matchTemplate, parseTemplate, type Template } from './template.ts';
import type { Mechanism, Policy, Principal } from './types.ts';

/** One mapping, as it stands in the policy or as one line of a realm table. */
export interface IdentityRule {
  readonly id: string;
  readonly position: string;
  readonly mechanism: Mechanism;
  readonly principal: Template;
  readonly committer: Template;
}

export interface IdentityTable {
  readonly literals: ReadonlyMap<string, IdentityRule>;
  readonly templates: readonly IdentityRule[];
  /** Kerberos realms that the rules name: nobody of another one is anybody here. */
  readonly realms: ReadonlySet<string>;
}

export interface IdentityWriting {
  readonly id: string;
  readonly position: string;
  readonly mechanism: Mechanism;
  /** The principal without its mechanism. */
  readonly principal: string;
  readonly committer: string;
}

export type IdentityComplaint = {
  readonly code: 'WP001' | 'WP013';
  readonly index: number;
  readonly part: 'principal' | 'committer';
  readonly message: string;
};

/** Checks the rules one by one and against each other. `index` of a complaint counts in `writings`. */
export const buildIdentityTable = (writings: readonly IdentityWriting[]): { table: IdentityTable; complaints: IdentityComplaint[] } => {
  const complaints: IdentityComplaint[] = [];
  const literals = new Map<string, IdentityRule>();
  const templates: { rule: IdentityRule; index: number }[] = [];
  for (const [index, writing] of writings.entries()) {
    const parsed = parseWriting(writing);
    if ('message' in parsed) {
      complaints.push({ code: 'WP001', index, ...parsed });
      continue;
    }
    const { principal, mechanism } = parsed;
    if (principal.parts.length === 0) {
      const key = formatPrincipal({ mechanism, name: principal.text });
      const other = literals.get(key);
      if (other === undefined) literals.set(key, parsed);
      else
        complaints.push({
          code: 'WP013',
          index,
          part: 'principal',
          message: `${key} is mapped twice: here and by "${other.id}" (${other.position})`,
        });
      continue;
    }
    for (const { rule: other } of templates) {
      const witness = other.mechanism === mechanism ? findOverlap(other.principal, principal) : undefined;
      if (witness === undefined) continue;
      complaints.push({
        code: 'WP013',
        index,
        part: 'principal',
        message: `${mechanism}:${witness} is matched here and by "${other.id}" (${other.position}): a principal must have one committer`,
      });
    }
    templates.push({ rule: parsed, index });
  }
  const rules = [...literals.values(), ...templates.map(({ rule }) => rule)];
  const realms = listRealms(rules.filter(({ mechanism }) => mechanism === 'krb5').map(({ principal }) => principal.text));
  return { table: { literals, templates: templates.map(({ rule }) => rule), realms }, complaints };
};

const parseWriting = (writing: IdentityWriting): IdentityRule | { part: 'principal' | 'committer'; message: string } => {
  const principal = parseTemplate(writing.principal);
  if (typeof principal === 'string') return { part: 'principal', message: `the principal ${principal}` };
  const ambiguity = findAmbiguity(principal);
  if (ambiguity !== undefined) return { part: 'principal', message: `the principal ${ambiguity}` };
  const mistake = writing.mechanism === 'krb5' ? findKrb5Mistake(principal) : undefined;
  if (mistake !== undefined) return { part: 'principal', message: `the principal ${mistake}` };
  const sample = new Map(principal.parts.map((part) => [part, 'x']));
  if (!isPrincipalName(fillTemplate(principal, sample)))
    return { part: 'principal', message: 'the principal must be visible ASCII characters, at most 256' };
  const committer = parseTemplate(writing.committer);
  if (typeof committer === 'string') return { part: 'committer', message: `the committer ${committer}` };
  const unknown = committer.parts.find((part) => !principal.parts.includes(part));
  if (unknown !== undefined) return { part: 'committer', message: `the committer uses {${unknown}}, which the principal does not have` };
  if (!isCommitterName(fillTemplate(committer, sample)))
    return { part: 'committer', message: 'the committer is no name: control characters, spaces at its ends, or longer than 256' };
  return { id: writing.id, position: writing.position, mechanism: writing.mechanism, principal, committer };
};

export interface Identity {
  readonly committer: string;
  /** The rule that said so. */
  readonly rule: string;
  readonly position: string;
}

/** The committer a principal stands for; throws `identity-unknown`. Says nothing about whether that committer exists. */
export const resolveIdentity = (policy: Pick<Policy, 'identities' | 'positions'>, principal: Principal): Identity => {
  const { literals, templates, realms } = policy.identities;
  const printed = formatPrincipal(principal);
  const unknown = (why: string): WardError =>
    new WardError('identity-unknown', `No identity rule maps ${printed} to a committer${why}.`, { at: policy.positions.identities, rule: 'identities' });
  const literal = literals.get(printed);
  if (literal !== undefined) return { committer: literal.committer.text, rule: literal.id, position: literal.position };
  const refusal = principal.mechanism === 'krb5' ? refuseKrb5Name(principal.name, realms) : undefined;
  if (refusal !== undefined) throw unknown(`: it ${refusal}`);
  for (const { id, position, mechanism, principal: template, committer } of templates) {
    const values = mechanism === principal.mechanism ? matchTemplate(template, principal.name) : undefined;
    if (values === undefined) continue;
    const name = fillTemplate(committer, values);
    if (isCommitterName(name)) return { committer: name, rule: id, position };
  }
  throw unknown('');
};

/** The principals that stand for a committer, as texts; a part that may be anything stays as `{part}`. */
export const principalsOf = (
  { literals, templates }: IdentityTable,
  committer: string,
): { mechanism: Mechanism; text: string; exact: boolean; rule: IdentityRule }[] => {
  const found: ReturnType<typeof principalsOf> = [];
  for (const rule of literals.values()) {
    if (rule.committer.text === committer) found.push({ mechanism: rule.mechanism, text: rule.principal.text, exact: true, rule });
  }
  for (const rule of templates) {
    const values = findAmbiguity(rule.committer) === undefined ? matchTemplate(rule.committer, committer) : undefined;
    if (values === undefined) continue;
    const text = fillTemplate(rule.principal, values);
    const exact = values.size === rule.principal.parts.length;
    if (exact && literals.has(`${rule.mechanism}:${text}`)) continue;
    found.push({ mechanism: rule.mechanism, text, exact, rule });
  }
  return found;
};
