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

/**
 * Writes a file through a synchronised temporary in the same directory. A link in the file's place is replaced, not followed.
 *
 * @throws WardError `certs-refused` when `exclusive` is set and the file exists
 */
export const writeAtomically = (path: string, text: string, { mode = 0o600, exclusive = false }: WriteOptions = {}): void => {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  const handle = openSync(temporary, 'wx', mode);
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
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new WardError('certs-refused', `${path} exists already; it is not replaced.`);
    }
    throw error;
  }
  syncDirectory(dirname(path));
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/**
 * Runs `action` while holding `directory/.lock`. The lock of a process that has died is taken over.
 *
 * @throws WardError `certs-refused` after ten seconds of waiting
 */
export const withLock = async <T>(directory: string, action: () => T): Promise<T> => {
  const lock = join(directory, '.lock');
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      writeAtomically(lock, String(process.pid), { exclusive: true });
      break;
    } catch (error) {
      if (!(error instanceof WardError)) throw error;
    }
    let holder = Number.NaN;
    try {
      holder = Number(readFileSync(lock, 'utf8'));
    } catch {
      continue;
    }
    if (!isAlive(holder)) {
      unlinkSync(lock);
      continue;
    }
    if (Date.now() > deadline) {
      throw new WardError('certs-refused', `Process ${holder} has held ${lock} for ten seconds; try again when it has ended.`);
    }
    await delay(10);
  }
  try {
    return action();
  } finally {
    unlinkSync(lock);
  }
};
