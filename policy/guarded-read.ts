/**
 * Reading of files that decide who may do what: one that everybody may change decides nothing.
 *
 * What always holds: the mode is that of the file that was read, not of a name that may mean another file a moment later.
 *
 * @module
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WardError } from '../protocol/errors.ts';
import { readBounded, type ReadFile } from './jsonc.ts';

const othersWrite = 0o002;
const sticky = 0o1000;

/** In a directory like /tmp everybody may make files, but nobody may replace another's. */
const refuseOpenDirectory = async (directory: string, path: string): Promise<void> => {
  const { mode } = await stat(directory);
  if ((mode & othersWrite) === 0 || (mode & sticky) !== 0) return;
  throw new WardError('config-invalid', `${path}: everybody may put another file in its place: chmod o-w ${directory}`, { at: path });
};

/** Reads like `readBounded`; refuses a file that everybody may write or replace, also at the end of a link. */
export const readGuarded: ReadFile = async (path, maxBytes) => {
  const bytes = await readBounded(path, maxBytes, ({ mode }) =>
    (mode & othersWrite) === 0 ? undefined : 'everybody may write this file, so it decides nothing: chmod o-w');
  for (const directory of new Set([dirname(path), dirname(await realpath(path))])) await refuseOpenDirectory(directory, path);
  return bytes;
};
