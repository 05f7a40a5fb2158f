/**
 * How a supervisor starts the executor of one slot: through `wardcc-slot`, which makes the room and drops every privilege.
 *
 * @module
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nativeDirectory } from '../native/load.ts';
import { procsFiles, type SlotGroup, type SlotOwner } from './cgroup.ts';

export interface SlotOptions {
  /** The slot's own directory: exists, and its owner is the slot's user. */
  readonly directory: string;
  /** Size of each of the slot's two large file systems: the input tree with the outputs, and the temporary directory. */
  readonly bytes: number;
  readonly inodes: number;
  /** Absent only without cgroups (`strict-rlimit`). */
  readonly group: SlotGroup | undefined;
  /** The slot's user, which root must name and nobody else may. */
  readonly owner?: SlotOwner | undefined;
}

/** The slot's file systems, as the executor finds them. What is printed has its own: a job that fills the others can still say so. */
export const slotPlaces = (directory: string): { work: string; temporary: string; printed: string } => ({
  work: join(directory, 'work'),
  temporary: join(directory, 'tmp'),
  printed: join(directory, 'printed'),
});

/** The most that a job can print, whatever its limit is. */
export const printedBytes = 64 * 2 ** 20;

const executorMain = (): string => {
  const here = import.meta.url;
  return fileURLToPath(new URL(`../executor/main.${here.endsWith('.ts') ? 'ts' : 'js'}`, here));
};

/**
 * Small heaps and no helper threads: the time that Node takes to spawn a process grows with its resident memory. Nor compilers that
 * optimise: 10 MB of each executor would be theirs, and what it does for a job is little.
 */
const nodeOptions = ['--disable-sigusr1', '--max-old-space-size=64', '--max-semi-space-size=1', '--v8-pool-size=0', '--max-opt=1'];

/** Program and arguments; the configuration goes to its standard input. `command` runs in the slot, by default the executor. */
export const slotCommand = (
  options: SlotOptions,
  command: readonly string[] = [process.execPath, ...nodeOptions, executorMain()],
): { file: string; args: string[] } => {
  const { work, temporary, printed } = slotPlaces(options.directory);
  const { group, owner } = options;
  return {
    file: join(nativeDirectory(), 'wardcc-slot'),
    args: [
      ...(group === undefined ? [] : procsFiles(group).flatMap((file) => ['--cgroup', file])),
      ...[work, temporary].flatMap((directory) => ['--tmpfs', directory, String(options.bytes), String(options.inodes)]),
      ...['--tmpfs', printed, String(printedBytes), '16'],
      ...(owner === undefined ? [] : ['--uid', String(owner.uid), '--gid', String(owner.gid)]),
      ...['--limit', 'nofile', '4096'],
      '--',
      ...command,
    ],
  };
};
