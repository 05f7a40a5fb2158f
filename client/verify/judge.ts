/**
 * What follows from compiling a job again. Some compiles never come out the same twice (`-flto` without `-frandom-seed`, `--coverage`),
 * and some results speak of where they lie: what two compiles on this machine, into two directories, do not agree on says nothing about
 * a server. What they agree on, and a server has otherwise, is an alarm.
 *
 * @module
 */
import type { OutputRole } from '../../policy/options/types.ts';
import type { LocalRun } from './compile-here.ts';

/** What a server sent. */
export type Sent = ReadonlyMap<number, Buffer>;

/** `unsteady`: it cannot be compared. `unknown`: the compiler here was killed, or not even started. */
export type Judgement = { readonly kind: 'agreed' | 'unsteady' | 'unknown' } | { readonly kind: 'differed'; readonly outputs: readonly number[] };

const isSame = (one: Buffer | undefined, other: Buffer | undefined): boolean =>
  (one === undefined || other === undefined ? one === other : one.equals(other));

/** Files that say for make what depends on what: they name the place of the object, and nothing of them gets into a program. */
const compared = (roles: readonly OutputRole[]): number[] => roles.flatMap((role, index) => (role === 'depfile' ? [] : [index]));

/** Outputs, by index, that are not the same. */
export const differences = (roles: readonly OutputRole[], one: Sent, other: Sent): number[] =>
  compared(roles).filter((index) => !isSame(one.get(index), other.get(index)));

/** Is one compile here enough to see that the server's success is right? */
export const isConfirmed = (roles: readonly OutputRole[], sent: Sent, here: LocalRun): boolean =>
  here.code === 0 && differences(roles, sent, here.outputs).length === 0;

/** After two compiles here, into different directories. */
export const judge = (roles: readonly OutputRole[], sent: Sent, [first, second]: readonly [LocalRun, LocalRun]): Judgement => {
  if (first.code === undefined || second.code === undefined) return { kind: 'unknown' };
  if (isConfirmed(roles, sent, first) || isConfirmed(roles, sent, second)) return { kind: 'agreed' };
  if (first.code !== second.code) return { kind: 'unsteady' };
  // The compiler here refuses twice what the server says it compiled.
  if (first.code !== 0) return { kind: 'differed', outputs: compared(roles) };
  const unsteady = new Set(differences(roles, first.outputs, second.outputs));
  const outputs = differences(roles, sent, first.outputs).filter((index) => !unsteady.has(index));
  if (outputs.length > 0) return { kind: 'differed', outputs };
  return { kind: 'unsteady' };
};
