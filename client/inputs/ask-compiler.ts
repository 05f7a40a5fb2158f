/**
 * Runs the command's own compiler to ask it a question about the command: what it reads (`-M`), where it looks (`-v`). The
 * command's options are taken over except for those that say what to make and what to write.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { isUtf8 } from 'node:buffer';
import { availableParallelism } from 'node:os';
import { readingOf } from '../command/reading.ts';
import { StaysLocal } from './reasons.ts';
import type { InputsCommand } from './types.ts';

const mostOutput = 16 * 1024 * 1024;
const patienceMs = 120_000;

/** Variables by which the person's environment would make the compiler write files of its own. */
const dropped = new Set(['DEPENDENCIES_OUTPUT', 'SUNPRO_DEPENDENCIES']);

/** What of a command it takes to ask its compiler something. */
export type Asking = Pick<InputsCommand, 'compiler' | 'cwd' | 'env' | 'source'> & Partial<Pick<InputsCommand, 'pwd'>>;

export interface CompilerAnswer {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

let running = 0;
const waiting: (() => void)[] = [];

/** Questions are asked by as many compilers at once as there are processors: a build may have any number of jobs. */
const inTurn = async <T>(ask: () => Promise<T>): Promise<T> => {
  if (running >= availableParallelism()) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await ask();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
};

/** @throws StaysLocal when the compiler can't be started, prints too much, or what it prints is not UTF-8. */
export const runCompiler = (
  command: Asking, args: readonly string[], env: Readonly<Record<string, string>> = {}, signal?: AbortSignal,
): Promise<CompilerAnswer> => inTurn(() => run(command, args, env, signal));

const run = (
  command: Asking, args: readonly string[], env: Readonly<Record<string, string>>, signal: AbortSignal | undefined,
): Promise<CompilerAnswer> =>
  new Promise((resolve, reject) => {
    const variables = Object.entries({ PATH: '/usr/bin:/bin', ...command.env, ...env });
    const environment = Object.fromEntries(variables.filter(([name]) => !dropped.has(name)));
    if (command.pwd !== undefined) environment['PWD'] = command.pwd;
    const child = spawn(command.compiler, args, {
      cwd: command.cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'],
      timeout: patienceMs, killSignal: 'SIGKILL', ...(signal === undefined ? {} : { signal }),
    });
    const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    let size = 0;
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        if ((size += chunk.length) > mostOutput) child.kill('SIGKILL');
        else chunks[name].push(chunk);
      });
    }
    // A child of the one that was killed may hold its pipes open for as long as it likes.
    child.on('exit', () => {
      if (child.killed) for (const name of ['stdout', 'stderr'] as const) child[name].destroy();
    });
    child.on('error', (error) => reject(signal?.aborted === true ? error : new StaysLocal('preprocessing-failed', error.message)));
    child.on('close', (code) => {
      const stdout = Buffer.concat(chunks.stdout);
      if (size > mostOutput) reject(new StaysLocal('too-many-inputs', command.source));
      else if (!isUtf8(stdout)) reject(new StaysLocal('non-utf8-path', command.source));
      else resolve({ ok: code === 0, stdout: stdout.toString(), stderr: Buffer.concat(chunks.stderr).toString() });
    });
  });

/** Arguments of a `-M` run that lists everything this command reads, under the names by which it is opened. */
export const prerequisiteArguments = (command: InputsCommand): string[] =>
  [...command.dependencyArguments, ...(command.family === 'gcc' ? ['-fno-canonical-system-headers'] : []), '-w', '-M', '-MT', 'x'];

const steersSearch =
  /^-(m|std|stdlib|-stdlib|nostd|nobuiltininc|nostdlibinc|-no-standard|ibuiltininc|no-canonical|canonical|ansi|pthread|-embed-dir)/;

/** The language that has a search path: preprocessed text has the one of its source, a header that of what includes it. */
const withPreprocessor = (language: string): string => (language === 'cpp-output' ? 'c' : language.replace(/-(?:cpp-output|header)$/, ''));

/** Arguments of a run that prints the command's search path: what it depends on, and nothing else. */
export const searchArguments = (command: InputsCommand): string[] => {
  const reading = readingOf(command);
  const options = reading.options.filter(({ entry: { effect, spelling } }) =>
    effect.kind === 'search' || (effect.kind === 'plain' && steersSearch.test(spelling)));
  const kept = options.flatMap(({ index, consumed }) => command.argv.slice(index, index + consumed));
  return [...kept, '-E', '-v', '-x', withPreprocessor(command.language), '/dev/null'];
};
