/**
 * Where a client may put files: one rule, which the client uses to decide and the server to enforce.
 *
 * What always holds: nothing of a client's lies where the toolchain or the system looks for programs, libraries or settings. Inside a
 * system directory only the include directories of the toolchain may be filled.
 *
 * @module
 */

/** Longest path in bytes that the kernel takes, its terminating NUL not counted. */
export const longestPath = 4095;
const longestName = 255;

/** Top-level directories of the system. `/lib*` are those whose names begin so. */
const system = new Set(['usr', 'bin', 'sbin', 'etc', 'proc', 'sys', 'dev']);

/** Names that the sandbox keeps for itself begin with this. */
export const ownPrefix = '.wardcc';

const isReservedTop = (name: string): boolean => system.has(name) || name.startsWith('lib') || name.startsWith(ownPrefix);

const isAtOrBelow = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);

/** Why this is not a path in the one form that is used: absolute and normalised; undefined if it is. */
export const checkPathForm = (path: string): string | undefined => {
  if (!path.startsWith('/')) return 'the path is not absolute';
  if (path.includes('\0')) return 'the path contains NUL';
  if (Buffer.byteLength(path) > longestPath) return 'the path is too long';
  if (path === '/') return undefined;
  for (const name of path.slice(1).split('/')) {
    if (name === '' || name === '.' || name === '..') return 'the path is not normalised';
    if (name.length > longestName / 4 && Buffer.byteLength(name) > longestName) return 'a name in the path is too long';
  }
  return undefined;
};

/**
 * Why a client may not name this path as input, output or working directory; undefined if it may. Attacker-controlled.
 *
 * @param includeDirs include directories of the toolchain, which clients fill
 * @param prefixes further directories that belong to the toolchain, such as `/opt/gcc-14`
 */
export const checkClientPath = (path: string, includeDirs: readonly string[], prefixes: readonly string[] = []): string | undefined => {
  const form = checkPathForm(path);
  if (form !== undefined) return form;
  if (includeDirs.some((directory) => isAtOrBelow(path, directory))) return undefined;
  const end = path.indexOf('/', 1);
  const top = path.slice(1, end === -1 ? undefined : end);
  if (isReservedTop(top)) return `/${top} belongs to the system, and only the compiler's include directories in it may be filled`;
  const prefix = prefixes.find((directory) => isAtOrBelow(path, directory));
  return prefix === undefined ? undefined : `${prefix} belongs to the toolchain`;
};

/** As `checkClientPath`, for a directory of an input tree: the way down to an include directory is allowed too. */
export const checkClientDirectory = (path: string, includeDirs: readonly string[], prefixes: readonly string[] = []): string | undefined =>
  includeDirs.some((directory) => isAtOrBelow(directory, path)) ? checkPathForm(path) : checkClientPath(path, includeDirs, prefixes);
