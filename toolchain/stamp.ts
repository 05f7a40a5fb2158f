/**
 * Whether a file is what it was, by looking at it and not into it.
 *
 * @module
 */
import { lstatSync } from 'node:fs';

/** Identity of a file's content as far as the file system tells it; `absent` for what does not exist. */
export type Stamp = string;

/** @param look whether a link stands for itself or for what it leads to */
export const stampOf = (path: string, look = lstatSync): Stamp => {
  const stat = look(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'absent' : [stat.dev, stat.ino, stat.mode, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
};
