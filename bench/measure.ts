/**
 * One timed build, and what the processes around it cost.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Contender } from './contenders/contender.ts';
import { commandFor, type Project } from './projects.ts';

export interface Timing {
  /** Wall time of the whole build in milliseconds. */
  readonly wallMs: number;
  /** CPU time of make, of all it waited for, and of the contender's helpers, in milliseconds. */
  readonly cpuMs: number;
}

const ticksPerSecond = 100;

/** `times` of bash, which tells thousandths of a second: the second line is what its children used. */
const childrenMs = (text: string): number => {
  const last = text.trim().split('\n').at(-1) ?? '';
  const parts = [...last.matchAll(/([0-9]+)m([0-9.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => sum + 60_000 * Number(minutes) + 1000 * Number(seconds), 0);
};

/**
 * Compiles a project from nothing.
 *
 * @param round builds of one round have the same commands; those of another have none in common with them
 * @throws Error with the end of the output when the build fails
 */
export const build = async (project: Project, contender: Contender, round: string, jobs: number): Promise<Timing> => {
  const command = commandFor(project, contender);
  await rm(join(project.directory, 'out'), { recursive: true, force: true });
  await mkdir(join(project.directory, 'out'));
  const helpers = (): number => contender.helpers().reduce((sum, pid) => sum + cpuOf(pid), 0);
  const before = helpers();
  const begun = performance.now();
  const script = 'make -s -f bench.mk "$@"; status=$?; times; exit $status';
  const words = [...contender.within ?? [], 'bash', '-c', script, 'bash', `-j${jobs}`, `COMPILER=${command}`, `ROUND=${round}`];
  const child = spawn(words[0]!, words.slice(1), { cwd: project.directory, env: contender.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  const wallMs = performance.now() - begun;
  if (status !== 0) throw new Error(`${project.name} with ${command} failed:\n${stderr.slice(-2000)}`);
  return { wallMs, cpuMs: childrenMs(stdout) + helpers() - before };
};

/** CPU time in milliseconds that a process has used so far: its threads to the nanosecond, children that it waited for to 10 ms. */
export const cpuOf = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [children = 0, childrenInSystem = 0] = text.slice(text.lastIndexOf(')') + 2).split(' ').slice(13, 15).map(Number);
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]));
  return threads.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e6 + ((children + childrenInSystem) * 1000) / ticksPerSecond;
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
