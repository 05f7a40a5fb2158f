/**
 * Files of the CA: written whole or not at all, with the mode they must have from their first byte; one writer at a time.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WardError } from '../protocol/errors.ts';
import { tryLock } from './lock.ts';

const syncDirectory = (directory: string): void => {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};

export interface WriteOptions {
  mode?: number;
  /** Refuse to replace an existing file. */
  exclusive?: boolean;
}

const unwritable = (path: string, cause: NodeJS.ErrnoException): WardError => cause.code === 'EEXIST'
  ? new WardError('certs-refused', `${path} exists already; it is not replaced.`, { at: path, cause })
  : new WardError('certs-refused', `${path} cannot be written (${cause.code ?? cause.message}).`, { at: path, cause });

/** @throws WardError `certs-refused` when the file cannot be read */
export const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const { code = 'error' } = cause as NodeJS.ErrnoException;
    throw new WardError('certs-refused', `${path} cannot be read (${code}).`, { at: path, cause });
  }
};

/**
 * Writes a file through a synchronised temporary in the same directory. A link in the file's place is replaced, not followed.
 *
 * @throws WardError `certs-refused` when it cannot be written, or `exclusive` is set and the file exists
 */
export const writeAtomically = (path: string, text: string, { mode = 0o600, exclusive = false }: WriteOptions = {}): void => {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  let handle: number;
  try {
    handle = openSync(temporary, 'wx', mode);
  } catch (error) {
    throw unwritable(path, error as NodeJS.ErrnoException);
  }
  try {
    try {
      fchmodSync(handle, mode);
      const bytes = Buffer.from(text);
      for (let offset = 0; offset < bytes.length;) offset += writeSync(handle, bytes, offset);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    if (exclusive) {
      linkSync(temporary, path);
      unlinkSync(temporary);
    } else {
      renameSync(temporary, path);
    }
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // renamed already
    }
    throw unwritable(path, error as NodeJS.ErrnoException);
  }
  syncDirectory(dirname(path));
};

/**
 * Runs `action` while holding `directory/.lock`. The lock of a process that has died is taken over.
 *
 * @throws WardError `certs-refused` after ten seconds of waiting, or when there can be no lock
 */
export const withLock = async <T>(directory: string, action: () => T): Promise<T> => {
  const lock = join(directory, '.lock');
  const deadline = Date.now() + 10_000;
  for (;;) {
    const taken = lockOrRefuse(lock);
    if (typeof taken === 'function') {
      try {
        return action();
      } finally {
        taken();
      }
    }
    if (Date.now() > deadline) {
      throw new WardError('certs-refused', `Process ${taken} has held ${lock} for ten seconds; try again when it has ended.`);
    }
    await delay(10);
  }
};

const lockOrRefuse = (lock: string): ReturnType<typeof tryLock> => {
  try {
    return tryLock(lock);
  } catch (error) {
    throw unwritable(lock, error as NodeJS.ErrnoException);
  }
};
