/**
 * Principals and the names in them. Names are compared exactly, byte for byte: no case folding, no trimming, no realm taken for granted.
 *
 * @module
 */
import { WardError } from '../protocol/errors.ts';
import { mechanisms, type Mechanism, type Principal } from './types.ts';

const maxNameLength = 256;

/** A principal's name is 1 to 256 visible ASCII characters; anything else is no name. */
export const isPrincipalName = (name: string): boolean => name.length <= maxNameLength && /^[\x21-\x7e]+$/.test(name);

/** A committer's name is 1 to 256 characters without control characters, and without spaces at its ends. */
export const isCommitterName = (name: string): boolean =>
  name.length > 0 && name.length <= maxNameLength && name === name.trim() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(name);

/** A project is `name` or `name/name…`; no name starts with a dot or is longer than a path may be. */
export const isProjectName = (name: string): boolean =>
  name.length <= maxNameLength && /^[A-Za-z0-9_][A-Za-z0-9._+-]*(\/[A-Za-z0-9_][A-Za-z0-9._+-]*)*$/.test(name);

export const formatPrincipal = ({ mechanism, name }: Principal): string => `${mechanism}:${name}`;

/** Reads `krb5:alice@CORP.EXAMPLE`; undefined if it is no principal. */
export const parsePrincipal = (text: string): Principal | undefined => {
  const colon = text.indexOf(':');
  const mechanism = mechanisms.find((candidate) => candidate === text.slice(0, colon));
  const name = text.slice(colon + 1);
  return mechanism !== undefined && isPrincipalName(name) ? { mechanism, name } : undefined;
};

/** Makes a principal of what a mechanism verified. Attacker-controlled; throws `identity-unknown` if it is no name. */
export const principalOf = (mechanism: Mechanism, name: string): Principal => {
  if (!isPrincipalName(name))
    throw new WardError('identity-unknown', `A ${mechanism} name that is empty, too long or not plain ASCII cannot be a principal.`);
  return { mechanism, name };
};
