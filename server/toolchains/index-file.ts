/**
 * What staging tells the front: the compilers that lie ready, not yet proved.
 *
 * @module
 */
import type { Toolchain } from '../../toolchain/describe.ts';

export interface StagedCompiler extends Pick<Toolchain, 'digest' | 'name' | 'family' | 'languages' | 'includeDirs'> {
  /** Root directory of the stage. */
  readonly root: string;
}

export type StageIndex = readonly StagedCompiler[];
