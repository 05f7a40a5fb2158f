/**
 * Where the result of an action may be found and left.
 *
 * @module
 */
import type { Decision } from '../../policy/types.ts';

export { actionDigest } from '../../protocol/action.ts';

/** Where results of this job may be found and left: nobody's outside of it are ever given. Undefined: nowhere. */
export function cacheDomain({ cache, domain }: Pick<Decision, 'cache' | 'domain'>, committer: string): string | undefined {
  if (cache === 'none') return undefined;
  return cache === 'own' ? JSON.stringify([domain, committer]) : domain;
}
