/**
 * A lock that is a file and names its process. One whose process is gone, or is another one with the same number, is taken over.
 *
 * What always holds: a lock is removed by its own process, or by the one that holds `FILE.takeover` and has looked again meanwhile. Without
 * that, two that found the same dead lock could both have it: the slower one would remove the lock that the faster one has just made.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';

/** Process number and start time (field 22 of /proc/PID/stat), which together name a process for good. */
const identityOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
};

/** The process that holds a lock: its number, `dead`, or undefined where there is no lock any more. */
const holderOf = (file: string): number | 'dead' | undefined => {
  let written: string;
  try {
    written = readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const pid = Number.parseInt(written, 10);
  return identityOf(pid) === written ? pid : 'dead';
};

const isLinked = (temporary: string, file: string): boolean => {
  try {
    // A link appears with its content or not at all.
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
};

/** Takes the lock; the function gives it back. A number is the process that has it, or is about to. Throws what the file system says. */
export const tryLock = (file: string): (() => void) | number => {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(temporary, identityOf(process.pid) ?? String(process.pid), { mode: 0o640, flag: 'wx' });
  try {
    while (!isLinked(temporary, file)) {
      const holder = holderOf(file);
      if (typeof holder === 'number') return holder;
      if (holder === undefined) continue;
      // Whoever dies while taking over leaves a lock that is taken over in the same way.
      const release = tryLock(`${file}.takeover`);
      if (typeof release === 'number') return release;
      try {
        if (holderOf(file) === 'dead') unlinkSync(file);
      } finally {
        release();
      }
    }
    return () => unlinkSync(file);
  } finally {
    unlinkSync(temporary);
  }
};
