/**
 * Which processes there are, from /proc: what a probe counts before and after.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Arguments, joined by spaces. */
  readonly command: string;
}

const readEntry = (pid: string): ProcessEntry[] => {
  try {
    // The name in parentheses may hold anything, a parenthesis too.
    const [, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return [
      { pid: Number(pid), parent: Number(parent), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() },
    ];
  } catch {
    // It ended in the meantime.
    return [];
  }
};

export const allProcesses = (): ProcessEntry[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readEntry);

/** All processes below one, in no order. */
export const descendants = (pid: number): ProcessEntry[] => {
  const all = allProcesses();
  const below = (parent: number): ProcessEntry[] =>
    all.filter((entry) => entry.parent === parent).flatMap((entry) => [entry, ...below(entry.pid)]);
  return below(pid);
};
