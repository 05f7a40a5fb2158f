/**
 * Runs the programs that know better, a few at a time.
 *
 * @module
 */
import { execFile } from 'node:child_process';

export interface Answer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. One that is not installed is a failure of the test, not a reason to skip it. */
export const runOracle = (program: string, args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {}): Promise<Answer> =>
  new Promise((done, failed) => {
    const { input, ...rest } = options;
    const child = execFile(program, args, { encoding: 'utf8', maxBuffer: 64 << 20, ...rest }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') failed(error);
      else done({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });

/** Maps with at most `width` calls under way, in order. */
export const mapSome = async <T, R>(inputs: readonly T[], width: number, map: (input: T, index: number) => Promise<R>): Promise<R[]> => {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < inputs.length) {
      const index = next;
      next += 1;
      results[index] = await map(inputs[index] as T, index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
};
