/**
 * What collecting inputs takes and gives.
 *
 * @module
 */

import type { TreeEntry } from '../../protocol/tree.ts';
import type { CompileCommand } from '../command/types.ts';
import type { InputReason } from './reasons.ts';

/** As much of an understood command as its inputs depend on. */
export type InputsCommand = Pick<
  CompileCommand,
  'argv' | 'compiler' | 'cwd' | 'pwd' | 'source' | 'family' | 'language' | 'env' | 'inputs' | 'search' | 'dependencyArguments' | 'outputs' | 'checkout'
>;

/** Everything the compile can read, or the reason why it is compiled locally. */
export interface Inputs {
  /** The tree as it is sent. Empty when there is a reason. */
  readonly encoded: Buffer;
  /** SHA-256 of `encoded`, hex. */
  readonly digest: string;
  /** Sorted by path; every directory on the way is there. Decoded when it is asked for. */
  readonly entries: readonly TreeEntry[];
  /** Sum of the sizes of all files. */
  readonly bytes: number;
  /** How the closure was found: by asking the compiler, by the scanner, or not at all. */
  readonly how: 'compiler' | 'scanner' | 'none';
  /** The directory that the tree has in the common checkout instead, if it was moved there. */
  readonly checkout: string | undefined;
  /** Path of an input that has this SHA-256 (32 bytes). */
  fileWith(digest: Buffer): string | undefined;
  /** Whether all of it is what it was when the tree was made, by looks at the file system at or after `since`. */
  unchanged(since: number): boolean;
  readonly reason?: { readonly code: InputReason; readonly detail: string };
}
