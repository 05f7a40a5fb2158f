/**
 * The list of compilers that a server has staged: what the process that stages hands to the processes that use the stages.
 *
 * @module
 */

import type { CanaryLanguage } from '../../toolchain/closure.ts';
import type { Family } from '../../toolchain/query.ts';

/** A compiler of this server, laid out and verified, but not yet proved in a sandbox. */
export interface StagedCompiler {
  readonly digest: string;
  /** Path by which the compiler is invoked. */
  readonly name: string;
  readonly family: Family;
  readonly version: string;
  readonly target: string;
  /** Directory that becomes the sandbox's root. */
  readonly root: string;
  readonly includeDirs: readonly string[];
  readonly languages: readonly CanaryLanguage[];
}

/** A configured compiler that can't be offered, and why, in a sentence for the administrator. */
export interface ExcludedCompiler {
  readonly name: string;
  readonly reason: string;
}

export interface StageIndex {
  readonly staged: readonly StagedCompiler[];
  readonly excluded: readonly ExcludedCompiler[];
}
