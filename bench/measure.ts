/**
 * One timed build, and what the processes around it cost.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project } from './projects.ts';

export interface Timing {
  /** Wall time of the whole build in milliseconds. */
  readonly wallMs: number;
  /** User and system time of make and all it waited for, in milliseconds. */
  readonly cpuMs: number;
}

const ticksPerSecond = 100;

/** `times` of the shell: the second line is what its children used. */
const childrenMs = (text: string): number => {
  const last = text.trim().split('\n').at(-1) ?? '';
  const parts = [...last.matchAll(/([0-9]+)m([0-9.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => sum + 60_000 * Number(minutes) + 1000 * Number(seconds), 0);
};

/**
 * Compiles a project from scratch.
 *
 * @throws Error with the end of the output when the build fails.
 */
export const build = async (
  project: Project,
  compiler: string,
  round: string,
  options: { jobs: number; env: NodeJS.ProcessEnv },
): Promise<Timing> => {
  await rm(join(project.directory, 'out'), { recursive: true, force: true });
  await mkdir(join(project.directory, 'out'));
  const begun = performance.now();
  const script = 'make -s -f bench.mk "$@"; status=$?; times; exit $status';
  const child = spawn('sh', ['-c', script, 'sh', `-j${options.jobs}`, `COMPILER=${compiler}`, `ROUND=${round}`], {
    cwd: project.directory,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  const wallMs = performance.now() - begun;
  if (status !== 0) throw new Error(`${project.name} with ${compiler} failed:\n${stderr.slice(-2000)}`);
  return { wallMs, cpuMs: childrenMs(stdout) };
};

/** CPU time that a process has used so far, children that it waited for included. */
export const cpuOf = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').slice(11, 15).map(Number);
  return (fields.reduce((sum, ticks) => sum + ticks, 0) * 1000) / ticksPerSecond;
};

/** Resident megabytes of a process; 0 when it is gone. `peak`: the most it ever had. */
export const memoryOf = (pid: number, { peak = false } = {}): number => {
  try {
    const field = new RegExp(`^${peak ? 'VmHWM' : 'VmRSS'}:\\s+([0-9]+)`, 'm');
    return Number(field.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
};

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
