/**
 * One keeper for a log: a lock file that names its process. A lock whose process is gone, or is another one with the same number, is
 * taken over.
 *
 * @module
 */
import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { WardError } from '../../protocol/errors.ts';

/** Process number and start time (field 22 of /proc/PID/stat), which together name a process for good. */
const identityOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
};

/** Takes the lock or throws `log-unavailable`. The returned function gives it back. */
export const takeLock = (file: string): (() => void) => {
  const own = identityOf(process.pid) ?? String(process.pid);
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, own, { mode: 0o640 });
  try {
    for (let tries = 0; tries < 3; tries += 1) {
      try {
        // A link appears with its content or not at all.
        linkSync(temporary, file);
        return () => unlinkSync(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = readFileSync(file, 'latin1');
      const pid = Number.parseInt(holder, 10);
      if (identityOf(pid) === holder)
        throw new WardError('log-unavailable', `Another keeper (process ${pid}) writes this log: ${file}.`, { at: file });
      unlinkSync(file);
    }
    throw new WardError('log-unavailable', `The lock ${file} cannot be taken.`, { at: file });
  } finally {
    unlinkSync(temporary);
  }
};
