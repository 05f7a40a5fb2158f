/**
 * The name of what a job does: everything its result can depend on. The server computes it, of what it was asked to run and
 * of the tree whose digest it checked; a client only ever names inputs.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { Decision } from '../../policy/types.ts';
import type { Probe } from '../../protocol/messages.ts';

/** Changes whenever a result means something else than before. */
const format = 1;

/** Where results of this job may be found and left: nobody's outside of it are ever given. Undefined: nowhere. */
export function cacheDomain({ cache, domain }: Pick<Decision, 'cache' | 'domain'>, committer: string): string | undefined {
  if (cache === 'none') return undefined;
  return cache === 'own' ? JSON.stringify([domain, committer]) : domain;
}

/** SHA-256 in hex over one JSON line: toolchain, language, arguments, environment, places, mode mask, inputs, and the domain. */
export function actionDigest(probe: Probe, domain: string): string {
  const { toolchain, language, argv, env, cwd, pwd = cwd, umask, outputs, tree } = probe;
  const variables = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify(['wardcc action', format, domain, toolchain, language, argv, variables, cwd, pwd, umask, outputs, tree]), 'hex');
}
