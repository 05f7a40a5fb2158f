/**
 * Processes that outlive the command that started them. One is known by its id and its start time, so that an id which the
 * system gave to somebody else in the meantime is never signalled.
 *
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export interface ProcessRecord {
  /** What it is, for people. */
  readonly role: string;
  readonly pid: number;
  /** Clock ticks after boot, as the kernel writes it. */
  readonly startTime: string;
}

interface Status {
  readonly state: string;
  readonly session: number;
  readonly startTime: string;
}

/** From /proc/PID/stat. The name in it may hold anything, so fields are counted from its last bracket. */
const statusOf = (pid: number): Status | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', session: Number(fields[3]), startTime: fields[19] ?? '' };
  } catch {
    return undefined;
  }
};

export const recordProcess = (role: string, pid: number): ProcessRecord => ({ role, pid, startTime: statusOf(pid)?.startTime ?? 'gone' });

/** Still running. One that ended and was not yet waited for is not. */
export const isRunning = ({ pid, startTime }: ProcessRecord): boolean => {
  const status = statusOf(pid);
  return status !== undefined && status.startTime === startTime && status.state !== 'Z';
};

export const signalProcess = (process_: ProcessRecord, signal: NodeJS.Signals): void => {
  if (!isRunning(process_)) return;
  try {
    process.kill(process_.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

/** Waits until none of them runs. False when the time is over first. */
export const whenGone = async (processes: readonly ProcessRecord[], milliseconds: number): Promise<boolean> => {
  const deadline = Date.now() + milliseconds;
  while (processes.some(isRunning)) {
    if (Date.now() > deadline) return false;
    await pause(10);
  }
  return true;
};

/** Asks, waits, then makes sure. */
export const endProcesses = async (processes: readonly ProcessRecord[], graceMs: number): Promise<void> => {
  for (const one of processes) signalProcess(one, 'SIGTERM');
  if (await whenGone(processes, graceMs)) return;
  for (const one of processes) signalProcess(one, 'SIGKILL');
  await whenGone(processes, 5_000);
};

const allPids = (): number[] => readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map(Number);

/** What a detached process started and left behind: every process of the session that it led. */
export const sessionOf = ({ pid, startTime }: ProcessRecord): ProcessRecord[] => {
  const leader = statusOf(pid);
  if (leader !== undefined && leader.startTime !== startTime) return [];
  return allPids()
    .filter((candidate) => statusOf(candidate)?.session === pid)
    .map((candidate) => recordProcess('left behind', candidate))
    .filter(isRunning);
};

/** Its command line, or its title if it gave itself one. */
export const commandOf = ({ pid }: ProcessRecord): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
};

/** Every process that was started with this setting in its environment. Others' environments cannot be read and do not count. */
export const startedWith = (setting: string): ProcessRecord[] =>
  allPids()
    .filter((pid) => pid !== process.pid && environmentOf(pid).includes(setting))
    .map((pid) => recordProcess('agent', pid));

const environmentOf = (pid: number): string[] => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
};
