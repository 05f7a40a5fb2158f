/**
 * Looks for processes that a farm left behind, independently of what the farm wrote down about itself.
 *
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Has ended, and waits for its parent to notice. */
const isZombie = (pid: string): boolean => /\) Z /.test(read(`/proc/${pid}/stat`));

/**
 * Command lines of all processes that name one of `traces` in their command, environment or control group. This process and
 * those it descends from do not count.
 */
export const leftBehind = (traces: readonly string[]): string[] => {
  const ours = ancestors();
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name) && !ours.has(name) && !isZombie(name))
    .filter((pid) => ['cmdline', 'environ', 'cgroup'].some((file) => traces.some((trace) => read(`/proc/${pid}/${file}`).includes(trace))))
    .map((pid) => `${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()}`);
};

const ancestors = (): Set<string> => {
  const found = new Set<string>();
  for (let pid = String(process.pid); pid !== '' && pid !== '0' && !found.has(pid); ) {
    found.add(pid);
    pid = /^PPid:\t([0-9]+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? '';
  }
  return found;
};
