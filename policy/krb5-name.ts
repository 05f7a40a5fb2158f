/**
 * Which Kerberos names templates may map: names of realms that the policy lists, in lower case, without escapes.
 *
 * Kerberos compares names exactly, but a KDC may not (Active Directory takes ALICE for alice), so a name in another case is nobody's
 * unless a rule has it literally. A name with an escape (`alice\@A@B`) is nobody's at all.
 *
 * @module
 */
import type { Template } from './template.ts';

const plainName = /^[a-z0-9._$-]+(?:\/[a-z0-9._-]+)?$/;

/** The realm of a name or a template: what follows the last `@`. */
const realmOf = (text: string): string => text.slice(text.lastIndexOf('@') + 1);

/** The complaint about a principal of an identity rule; undefined if there is none. */
export const findKrb5Mistake = ({ text }: Template): string | undefined => {
  if (text.includes('\\')) return 'has an escape, and names with escapes are never let in';
  if (!text.includes('@')) return 'names no realm: NAME@REALM';
  if (/[{}]/.test(realmOf(text))) return 'must name its realm literally: only listed realms are trusted';
  return undefined;
};

/** The realms that rules name. */
export const listRealms = (principals: Iterable<string>): Set<string> => new Set([...principals].map(realmOf));

/** Why templates cannot stand for this name, whatever they say; undefined if they may. Attacker-controlled. */
export const refuseKrb5Name = (name: string, realms: ReadonlySet<string>): string | undefined => {
  if (name.includes('\\')) return 'has an escape in its name';
  const realm = realmOf(name);
  if (!name.includes('@') || !realms.has(realm)) return `is of a realm that no identity rule lists`;
  if (plainName.test(name.slice(0, name.lastIndexOf('@')))) return undefined;
  return 'is no plain name in lower case; only an identity rule that has it literally can stand for it';
};
