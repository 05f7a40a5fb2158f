/**
 * Paths of a command: made absolute without resolving anything, and the question where an output will really lie.
 *
 * @module
 */
import { accessSync, constants, existsSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** `path` as seen from `cwd`; `.` and `//` go, `..` stays, because behind a link it means something else. */
export const absolutePath = (cwd: string, path: string): string => {
  const joined = path.startsWith('/') ? path : `${cwd}/${path}`;
  const kept = joined.split('/').filter(name => name !== '' && name !== '.');
  return `/${kept.join('/')}`;
};

export const isRegularFile = (path: string): boolean => {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

export const isDirectory = (path: string): boolean => {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
};

/** Where a file that will be written lies: its directory with links resolved; or what is wrong with it. */
export const outputPlace = (spelled: string): { path: string } | { wrong: 'output-directory' | 'output-special' } => {
  const slash = spelled.lastIndexOf('/');
  const name = spelled.slice(slash + 1);
  if (name === '' || name === '..') {
    return { wrong: 'output-special' };
  }
  let directory: string;
  try {
    directory = realpathSync.native(slash === 0 ? '/' : spelled.slice(0, slash));
    if (!statSync(directory).isDirectory()) {
      return { wrong: 'output-directory' };
    }
  } catch {
    return { wrong: 'output-directory' };
  }
  const path = directory === '/' ? `/${name}` : `${directory}/${name}`;
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined || stat.isFile() ? { path } : { wrong: 'output-special' };
  } catch {
    return { wrong: 'output-directory' };
  }
};

/**
 * May a file come into this place, or over the one that is there? Of a file that may not be written some compilers make a new one
 * and some complain, each in words of its own.
 */
export const mayWrite = (path: string): boolean => {
  try {
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK);
    return true;
  } catch {
    return false;
  }
};
