/**
 * Runs a system program to its end, without a shell. A failure names the program and what it said.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { WardError } from '../../protocol/errors.ts';

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Goes to standard input, which is empty without it. */
  readonly input?: string;
}

/**
 * Standard output of the program.
 *
 * @throws WardError `dev-failed` when it is missing or its exit status is not 0.
 */
export const run = (program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      { env: options.env ?? process.env, cwd: options.cwd, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new WardError('dev-failed', `${program} failed: ${stderr.trim() || error.message}`, { cause: error }));
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
