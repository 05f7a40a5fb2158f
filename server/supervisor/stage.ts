/**
 * Has the compilers staged, and later checked, by processes of their own that leave a list: the last thing that they do.
 *
 * @module
 */
import { readFileSync, rmSync } from 'node:fs';
import { WardError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { stageFiles, type DamagedToolchain, type StageIndex } from '../toolchains/index-file.ts';
import { Child, nodeCommand } from './child.ts';
import { serverModule } from './modules.ts';

/** Compilers that lie ready. */
export interface Staged {
  readonly compilers: StageIndex;
  /** No later than when they were hashed, in milliseconds since the epoch. */
  readonly hashedAt: number;
}

/**
 * Every byte of what is staged is hashed, and what is not as it should be is made anew.
 *
 * @throws WardError `toolchain-unknown` when nothing could be staged: a server without a compiler is of no use.
 */
export async function stageToolchains({ state, toolchains }: ServerConfig, signal: AbortSignal): Promise<Staged> {
  const files = stageFiles(state);
  const hashedAt = Date.now();
  rmSync(files.withdrawn, { force: true });
  const { left, how } = await runTask<StageIndex>('toolchains/main', { compilers: toolchains, ...files }, files.index, signal);
  if (signal.aborted) return { compilers: [], hashedAt };
  if (left === undefined) throw new WardError('toolchain-unknown', `The compilers could not be staged (${how}); the reason stands above.`);
  if (left.length === 0) throw new WardError('toolchain-unknown', 'None of the configured compilers could be staged; the reasons stand above.');
  return { compilers: left, hashedAt };
}

/** Those of the compilers that are not what they were. @throws WardError `internal` when they could not be checked */
export async function checkToolchains(state: string, staged: StageIndex, signal: AbortSignal): Promise<readonly DamagedToolchain[]> {
  const files = stageFiles(state);
  const { left, how } = await runTask<DamagedToolchain[]>('toolchains/check-main', { staged, ...files }, files.check, signal);
  if (left === undefined) throw new WardError('internal', `The staged compilers could not be checked (${how}).`);
  return left;
}

/** Runs one of the server's modules to its end. `left`: what stands in the file that it wrote; undefined: it wrote none. */
async function runTask<T>(module: string, configuration: object, file: string, signal: AbortSignal): Promise<{ left: T | undefined; how: string }> {
  rmSync(file, { force: true });
  const task = new Child({ name: module, command: nodeCommand(serverModule(module)), configuration });
  const stop = (): void => void task.stop(0);
  signal.addEventListener('abort', stop, { once: true });
  const how = await task.ended;
  signal.removeEventListener('abort', stop);
  try {
    return { left: JSON.parse(readFileSync(file, 'utf8')) as T, how };
  } catch {
    return { left: undefined, how };
  }
}
