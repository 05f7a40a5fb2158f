/**
 * The name of what a job does: everything its result can depend on. The server computes it of what it was asked to run and of the tree
 * whose digest it checked; a client that verifies a signature computes it of what it asked for.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { Probe } from './messages.ts';

/** Changes whenever a result means something else than before. */
const format = 1;

/** SHA-256 in hex over one JSON line: toolchain, language, arguments, environment, places, mode mask, inputs, and the domain. */
export function actionDigest(probe: Omit<Probe, 'type'>, domain: string): string {
  const { toolchain, language, argv, env, cwd, pwd = cwd, umask, outputs, tree } = probe;
  const variables = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
  const named = ['wardcc action', format, domain, toolchain, language, argv, variables, cwd, pwd, umask, outputs, tree];
  return hash('sha256', JSON.stringify(named), 'hex');
}

export interface Part {
  readonly digest: string;
  readonly size: number;
}

export interface OutputPart extends Part {
  /** Index into the outputs that the action names. */
  readonly index: number;
  readonly mode: number;
}

/** What came out of a job that succeeded. */
export interface ResultParts {
  readonly stdout: Part;
  readonly stderr: Part;
  readonly outputs: readonly OutputPart[];
}

/** Standard output, standard error and the outputs: the order in which they are kept, sealed, fetched and sent. */
export const inOrder = <T>({ stdout, stderr, outputs }: { readonly stdout: T; readonly stderr: T; readonly outputs: readonly T[] }): T[] => [stdout, stderr, ...outputs];

/** Bytes of all of them together. */
export const bytesOf = (result: Parameters<typeof inOrder<{ readonly size: number }>>[0]): number => inOrder(result).reduce((sum, { size }) => sum + size, 0);

/** Digest of all that came out, in hex: a part of the statement that a keeper signs. */
export const resultDigest = ({ stdout, stderr, outputs }: ResultParts): string => {
  const part = ({ digest, size }: Part): [string, number] => [digest, size];
  const files = outputs.map((output) => [output.index, output.mode, ...part(output)]);
  return hash('sha256', JSON.stringify(['wardcc result', 1, part(stdout), part(stderr), files]), 'hex');
};
