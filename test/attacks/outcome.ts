/**
 * What became of a case behind one or both walls.
 *
 * @module
 */
import { toWardError, type ErrorCode } from '../../protocol/errors.ts';
import type { Sign } from './types.ts';

export interface Outcome {
  /** The compiler's own exit status, or the code of a typed error. */
  readonly end: ErrorCode | `exit ${number}`;
  readonly message: string;
  readonly signs: ReadonlySet<Sign>;
}

/** Ends that say that the product did not do its work, whatever the attack was. */
const unworthy: ReadonlySet<string> = new Set([
  'internal', 'sandbox-failed', 'session-lost', 'log-unavailable', 'policy-unavailable', 'server-stopping', 'busy', 'disk-full',
  'toolchain-unknown', 'connect-failed',
]);

/** Why this is no good end for an attack; undefined when it is one. */
export const complaint = ({ end, message, signs }: Outcome): string | undefined => {
  if (signs.size > 0) return `it worked: ${[...signs].join(', ')} (${end}: ${message})`;
  // What the attacker called in the place of the compiler, or where he said it works, is not there.
  if (end === 'sandbox-failed' && /bwrap: (execvp|Can't chdir to) /.test(message)) return undefined;
  return unworthy.has(end) ? `${end}: ${message}` : undefined;
};

export const errorOutcome = (thrown: unknown, signs: ReadonlySet<Sign>): Outcome => {
  const { code, message } = toWardError(thrown);
  return { end: code, message, signs };
};
