/**
 * What staging and checking leave behind, in the directory that lies in the server's state: for the supervisor, the front and `doctor`.
 *
 * @module
 */
import { join } from 'node:path';
import type { Toolchain } from '../../toolchain/describe.ts';

/** A compiler that lies ready, not yet proved. */
export interface StagedCompiler extends Pick<Toolchain, 'digest' | 'name' | 'family' | 'languages' | 'includeDirs'> {
  /** Root directory of the stage. */
  readonly root: string;
}

export type StageIndex = readonly StagedCompiler[];

/** A compiler whose stage is not what it was. */
export interface DamagedToolchain extends Pick<StagedCompiler, 'digest' | 'name'> {
  /** What was found, as part of a sentence. */
  readonly damage: string;
}

/** A compiler that is not offered any more, until the server starts again. */
export interface WithdrawnToolchain extends Pick<StagedCompiler, 'digest' | 'name'> {
  /** For administrator, log and clients: what was found, and since when it may have been so. */
  readonly message: string;
}

export interface StageFiles {
  readonly directory: string;
  readonly stages: string;
  /** The compilers that were staged, as {@link StageIndex}. */
  readonly index: string;
  /** What the last check found, as {@link DamagedToolchain}s. */
  readonly check: string;
  /** What was withdrawn since the server started, as {@link WithdrawnToolchain}s; absent: nothing. */
  readonly withdrawn: string;
}

/** Where all that lies in a server's state directory. */
export const stageFiles = (state: string): StageFiles => {
  const directory = join(state, 'toolchains');
  const at = (name: string): string => join(directory, name);
  return { directory, stages: at('stages'), index: at('index.json'), check: at('check.json'), withdrawn: at('withdrawn.json') };
};
