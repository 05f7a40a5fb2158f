/**
 * A job's limits, as resource limits that are set on its waiting sandbox.
 *
 * What always holds: they are set before anything of the job runs, from outside, and inherited by all it starts. RLIMIT_NPROC counts per
 * user namespace, and each sandbox has its own, so jobs of one uid do not count each other's processes.
 *
 * @module
 */
import type { Limits } from '../../policy/types.ts';
import type { LimitName } from '../native/load.ts';

export type Profile = 'strict' | 'strict-rlimit';

export interface ResourceLimit {
  readonly name: LimitName;
  readonly soft: number;
  readonly hard: number;
}

/** Processes of the sandbox itself: its first process. */
const ownProcesses = 1;

const fixed = (name: LimitName, value: number): ResourceLimit => ({ name, soft: value, hard: value });

/** Without cgroups memory can only be limited per process, by address space. */
export const resourceLimits = (limits: Limits, profile: Profile): ResourceLimit[] => [
  fixed('core', 0),
  // The kernel sends SIGXCPU at the soft limit, which names the cause, and SIGKILL at the hard one.
  { name: 'cpu', soft: limits.cpuSeconds, hard: limits.cpuSeconds + 2 },
  fixed('fsize', limits.fileBytes),
  fixed('nofile', limits.openFiles),
  fixed('nproc', limits.processes + ownProcesses),
  ...(profile === 'strict-rlimit' ? [fixed('as', limits.memoryBytes), fixed('data', limits.memoryBytes)] : []),
];
