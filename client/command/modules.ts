/**
 * C++20 modules of gcc. Build systems enable them for every unit and give each a map of the modules that it names, most of which
 * are empty. Such a unit travels: with an empty map, and nothing where compiled headers would be looked for.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { namesNoModule, type Reading } from '../../policy/options/index.ts';
import { absolutePath } from './paths.ts';

/** Where gcc looks without a map. */
const defaultRoot = 'gcm.cache';

/** The file or directory for whose sake the command stays here; undefined if modules have no part in it. */
export const moduleInTheWay = (reading: Reading, cwd: string, source: string): string | undefined => {
  const enabled = reading.options.some(({ entry }) => entry.spelling === '-fmodules-ts');
  const maps = reading.options.filter(({ entry }) => entry.spelling === '-fmodule-mapper=').map(({ value = '' }) => value);
  if (!enabled && maps.length === 0) return undefined;
  if (maps.length === 0) return existsSync(absolutePath(cwd, defaultRoot)) ? defaultRoot : undefined;
  for (const map of maps) {
    const root = rootIn(absolutePath(cwd, map));
    if (root === undefined) return map;
    // A compiled header lies below the root under the path of the header; one that was found relatively under a comma.
    const paths = [cwd, source, '/usr', ...reading.search.map(({ path }) => path), ...reading.includes.map(({ path }) => path)];
    const tops = [',', ',,', ...paths.filter((path) => path.startsWith('/')).map((path) => path.split('/')[1] ?? '')];
    const found = tops.map((top) => absolutePath(cwd, `${root}/${top}`)).find((path) => existsSync(path));
    if (found !== undefined) return found;
  }
  return undefined;
};

/** The directory that an empty map names; undefined for any other map. */
const rootIn = (path: string): string | undefined => {
  try {
    const text = readFileSync(path, 'latin1');
    return namesNoModule(text) ? (/^\$root[ \t]+(\S+)/m.exec(text)?.[1] ?? defaultRoot) : undefined;
  } catch {
    return undefined;
  }
};
