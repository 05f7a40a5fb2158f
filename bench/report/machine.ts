/**
 * On what machine, with which programs, and of which commit.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { run } from '../../setup/demo/run.ts';

const versions: Readonly<Record<string, readonly string[]>> = {
  gcc: ['gcc', '--version'],
  distcc: ['distcc', '--version'],
  ccache: ['ccache', '--version'],
  sccache: ['sccache', '--version'],
  icecc: ['icecc', '--version'],
};

const repository = fileURLToPath(new URL('../..', import.meta.url));

const firstLine = async (command: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await run(command, { cwd: repository });
  return status === 0 ? (stdout || stderr).trim().split('\n')[0]! : 'not installed';
};

const commit = async (): Promise<string> => {
  const name = await firstLine(['git', 'rev-parse', '--short=12', 'HEAD']);
  const { stdout } = await run(['git', 'status', '--porcelain', '--untracked-files=no'], { cwd: repository });
  return stdout.trim() === '' ? name : `${name} with changes`;
};

export const machineFacts = async (): Promise<Record<string, string | number>> => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGb: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown',
  loadBefore: Math.round(loadavg()[0]! * 100) / 100,
  node: process.version,
  ...Object.fromEntries(await Promise.all(Object.entries(versions).map(async ([name, command]) => [name, await firstLine(command)] as const))),
  commit: await commit(),
});
