/**
 * From the compilers an administrator configured to those that lie ready: described and staged. The front then has each
 * prove itself with a canary. One compiler that can't be used never keeps the others from being used.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { describeToolchain } from '../../toolchain/describe.ts';
import type { StagedCompiler, StageIndex } from './index-file.ts';
import { stageToolchain, sweepStages } from './stage.ts';

/** A configured compiler that can't be offered, and why, in a sentence for the administrator. */
export interface ExcludedCompiler {
  readonly name: string;
  readonly reason: string;
}

export interface StageOptions {
  /** Directory of the stages; only this server uses it. */
  readonly stages: string;
  /** Directory where descriptions are kept between runs. */
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
}

const noSpace: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Describes and stages every configured compiler and removes stages of compilers that are gone. Names that do not exist are
 * passed over in silence: a configuration may name more compilers than a machine has.
 *
 * @throws WardError `disk-full`: that says nothing against a compiler, and a server would go without it until it is started again
 */
export const stageCompilers = async (
  compilers: readonly string[], options: StageOptions,
): Promise<{ staged: StageIndex; excluded: ExcludedCompiler[] }> => {
  const staged: StagedCompiler[] = [];
  const excluded: ExcludedCompiler[] = [];
  const verified = new Set<string>();
  for (const name of new Set(compilers)) {
    if (options.signal?.aborted === true) break;
    if (!existsSync(name)) continue;
    try {
      const toolchain = await describeToolchain(name, options.cacheDir === undefined ? {} : { cacheDir: options.cacheDir });
      const root = await stageToolchain(toolchain, options.stages, verified);
      const { digest, family, includeDirs, languages } = toolchain;
      staged.push({ digest, name, family, languages, includeDirs, root });
    } catch (error) {
      if (noSpace.has((error as NodeJS.ErrnoException).code ?? '')) throw new WardError('disk-full', `There is no space left to stage ${name} in ${options.stages}.`, { cause: error });
      excluded.push({ name, reason: toWardError(error).message });
    }
  }
  if (options.signal?.aborted !== true) sweepStages(options.stages, new Set(staged.map(({ digest }) => digest)));
  return { staged, excluded };
};
