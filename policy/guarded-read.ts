/**
 * Reading of files that decide who may do what: one that everybody may change decides nothing.
 *
 * What always holds: the mode is that of the file that was read, not of a name that may mean another file a moment later.
 *
 * @module
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WardError } from '../protocol/errors.ts';
import { readBounded, type ReadFile } from './jsonc.ts';

const othersWrite = 0o002;
/** Anything that the owner's group or anybody else may do. */
const groupOrOthers = 0o077;
const sticky = 0o1000;

/** In a directory like /tmp everybody may make files, but nobody may replace another's. */
const isOpen = (mode: number): boolean => (mode & othersWrite) !== 0 && (mode & sticky) === 0;

const writable = 'everybody may write this file, so it decides nothing: chmod o-w';
const refuse = (path: string, sentence: string, cause?: unknown): WardError =>
  new WardError('config-invalid', `${path}: ${sentence}`, { at: path, cause });
const replaceable = (path: string, directory: string): WardError =>
  refuse(path, `everybody may put another file in its place: chmod o-w ${directory}`);

/** Reads like `readBounded`; refuses a file that everybody may write or replace, also at the end of a link. */
export const readGuarded: ReadFile = async (path, maxBytes) => {
  const bytes = await readBounded(path, maxBytes, ({ mode }) => ((mode & othersWrite) === 0 ? undefined : writable));
  for (const directory of new Set([dirname(path), dirname(await realpath(path))])) {
    if (isOpen((await stat(directory)).mode)) throw replaceable(path, directory);
  }
  return bytes;
};

/** The same at once, for small files on a local disk. `secret`: nor may anybody but its owner read it. */
export const readGuardedSync = (
  path: string, { maxBytes, secret = false }: { readonly maxBytes: number; readonly secret?: boolean },
): Buffer => {
  let bytes: Buffer;
  try {
    // Without waiting: the path may name a pipe that nobody writes to.
    const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = fstatSync(handle);
      if (!status.isFile()) throw refuse(path, 'this is not a regular file');
      if ((status.mode & othersWrite) !== 0) throw refuse(path, writable);
      if (secret && (status.mode & groupOrOthers) !== 0) throw refuse(path, 'others may read this secret: chmod 600');
      if (status.size > maxBytes) throw refuse(path, `the file is larger than ${maxBytes} bytes`);
      bytes = readFileSync(handle);
    } finally {
      closeSync(handle);
    }
    for (const directory of new Set([dirname(path), dirname(realpathSync(path))])) {
      if (isOpen(statSync(directory).mode)) throw replaceable(path, directory);
    }
  } catch (error) {
    if (error instanceof WardError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw refuse(path, code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`, error);
  }
  return bytes;
};
