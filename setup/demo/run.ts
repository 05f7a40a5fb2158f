/**
 * Runs programs for the demonstration: with their output collected, and line by line where somebody watches.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall time in milliseconds. */
  readonly ms: number;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly onLine?: (line: string) => void;
}

/** Never rejects for what the program does: its exit status tells. A program that cannot be started has status 127. */
export const run = (command: readonly string[], options: RunOptions = {}): Promise<Finished> =>
  new Promise((resolve) => {
    const begun = performance.now();
    const { cwd, env = process.env } = options;
    const child = spawn(command[0]!, command.slice(1), { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
    if (options.onLine !== undefined) createInterface({ input: child.stdout }).on('line', options.onLine);
    const finish = (status: number): void => resolve({ status, stdout, stderr, ms: performance.now() - begun });
    child.once('error', (error) => {
      stderr += `${error.message}\n`;
      finish(127);
    });
    child.once('close', (code, signal) => finish(code ?? (signal === null ? 1 : 128)));
  });

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The environment of a shell after it has read `file`. */
export const environmentAfter = async (file: string, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> => {
  const { stdout } = await run(['sh', '-c', `. ${quote(file)} && env -0`], { env });
  const entries = stdout.split('\0').filter((entry) => entry.includes('='));
  return Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
};
