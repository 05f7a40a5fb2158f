/**
 * Programs that a driver looks up on PATH, such as gcc's assembler. A toolchain holds the ones in `/usr/bin`; a person whose
 * PATH leads to others gets other objects from a local compile, so that compile must stay local.
 *
 * @module
 */

import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import type { Toolchain } from './describe.ts';

/** Looking along PATH is repeated after this time: programs are installed, not generated. */
const freshMs = 2_000;
const mostKnown = 256;

const known = new Map<string, { readonly at: number; readonly foreign: string | undefined }>();

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

const firstOnPath = (name: string, directories: readonly string[]): string | undefined =>
  directories.map((directory) => `${directory}/${name}`).find(isProgram);

const look = ({ pathPrograms }: Pick<Toolchain, 'pathPrograms'>, path: string): string | undefined => {
  const directories = path.split(':').filter((directory) => directory.startsWith('/'));
  for (const name of pathPrograms) {
    const found = firstOnPath(name, directories);
    if (found !== undefined && realpathSync(found) !== realpathSync(`/usr/bin/${name}`)) return found;
  }
  return undefined;
};

/**
 * The first program on this PATH that is not the toolchain's; undefined if all are.
 *
 * @param path the value of PATH; relative directories in it don't count
 */
export const foreignProgram = (toolchain: Pick<Toolchain, 'pathPrograms' | 'digest'>, path: string): string | undefined => {
  const key = `${toolchain.digest}\0${path}`;
  const now = performance.now();
  const answer = known.get(key);
  if (answer !== undefined && now - answer.at < freshMs) return answer.foreign;
  if (known.size >= mostKnown) known.clear();
  const foreign = look(toolchain, path);
  known.set(key, { at: now, foreign });
  return foreign;
};
