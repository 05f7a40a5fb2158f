/**
 * The build of the demonstration: Lua, 34 C files, with the makefile its authors wrote.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { cp, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, type Finished } from './run.ts';

const sources = fileURLToPath(new URL('../../test/fixtures/projects/lua/src', import.meta.url));

/** Copies the sources to `directory`. Returns the number of C files. */
export const copyLua = async (directory: string): Promise<number> => {
  await cp(sources, directory, { recursive: true });
  return (await readdir(directory)).filter((name) => name.endsWith('.c')).length;
};

/** Builds everything from scratch with `make -j4`. `progress` is told which file is compiled next. */
export const buildLua = async (
  directory: string,
  compiler: string,
  env: NodeJS.ProcessEnv,
  progress: (file: string) => void = () => {},
): Promise<Finished> => {
  await run(['make', 'clean'], { cwd: directory });
  const onLine = (line: string): void => {
    const file = / -c .*?([a-z]+\.c)$/.exec(line)?.[1] ?? / -c ([a-z]+\.c)/.exec(line)?.[1];
    if (file !== undefined) progress(file);
  };
  return run(['make', '-j4', 'linux', `CC=${compiler}`], { cwd: directory, env, onLine });
};

/** SHA-256 of each object, by name. */
export const objectDigests = async (directory: string): Promise<Map<string, string>> => {
  const digests = new Map<string, string>();
  for (const name of (await readdir(directory)).filter((file) => file.endsWith('.o')).sort()) {
    digests.set(name, createHash('sha256').update(await readFile(join(directory, name))).digest('hex'));
  }
  return digests;
};

/** How many of `expected` are there again with the same bytes. */
export const countIdentical = (expected: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): number =>
  [...expected].filter(([name, digest]) => found.get(name) === digest).length;
