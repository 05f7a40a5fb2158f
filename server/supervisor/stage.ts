/**
 * Has the compilers staged by a process of its own, before the server starts, and reads the list it left: the last thing that it does.
 *
 * @module
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import type { StageIndex } from '../toolchains/index-file.ts';
import { Child, nodeCommand } from './child.ts';
import { serverModule } from './modules.ts';

/** @throws WardError `toolchain-unknown` when nothing could be staged: a server without a compiler is of no use. */
export async function stageToolchains(config: ServerConfig, signal: AbortSignal): Promise<StageIndex> {
  const directory = join(config.state, 'toolchains');
  const index = join(directory, 'index.json');
  rmSync(index, { force: true });
  const stager = new Child({ name: 'stager', command: nodeCommand(serverModule('toolchains/main')), configuration: { compilers: config.toolchains, directory, index } });
  const stop = (): void => void stager.stop(0);
  signal.addEventListener('abort', stop, { once: true });
  const how = await stager.ended;
  signal.removeEventListener('abort', stop);
  if (signal.aborted) return [];
  if (!existsSync(index)) throw new WardError('toolchain-unknown', `The compilers could not be staged (${how}); the reason stands above.`);
  const staged = JSON.parse(readFileSync(index, 'utf8')) as StageIndex;
  if (staged.length === 0) throw new WardError('toolchain-unknown', 'None of the configured compilers could be staged; the reasons stand above.');
  return staged;
}
