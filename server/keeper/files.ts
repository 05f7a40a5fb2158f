/**
 * Small things about files that must survive a power failure.
 *
 * @module
 */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Brings a directory's names to disk: a new or renamed file is there after a power failure. */
export const syncDirectory = (directory: string): void => {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

/** Replaces a file whole, on disk when this returns. */
export const replaceFile = (file: string, content: string, mode: number): void => {
  writeFileSync(`${file}.new`, content, { mode, flush: true });
  renameSync(`${file}.new`, file);
  syncDirectory(dirname(file));
};
