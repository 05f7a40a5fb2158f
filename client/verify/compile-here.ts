/**
 * Compiles a job on this machine to see what comes out, beside the user's files and never over them: its outputs go to a directory of
 * their own. At the lowest priority, for a bounded time.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { setPriority, constants } from 'node:os';
import { basename, join } from 'node:path';
import { readArguments } from '../../policy/options/index.ts';
import type { CompileCommand } from '../command/index.ts';

const patienceMs = 5 * 60_000;

/** What a compile left. */
export interface LocalRun {
  /** How the compiler ended; undefined: it was killed or could not be started, which says nothing. */
  readonly code: number | undefined;
  /** By index of the command's outputs; absent ones were not made. */
  readonly outputs: ReadonlyMap<number, Buffer>;
}

const moveValue = (argument: string, value: string, directory: string): string =>
  argument.slice(0, argument.length - value.length) + join(directory, basename(value));

/** The command with all that it writes in another directory, under the same names; undefined if two of them would be one. */
export const redirect = ({ argv, family, outputs }: Pick<CompileCommand, 'argv' | 'family' | 'outputs'>, directory: string): string[] | undefined => {
  if (new Set(outputs.map(({ path }) => basename(path))).size < outputs.length) return undefined;
  const moved = [...argv];
  let named = false;
  for (const { entry: { effect }, index, consumed, value } of readArguments(argv, family).options) {
    const writes = effect.kind === 'destination' || effect.kind === 'output' || (effect.kind === 'dependencies' && effect.part === 'file');
    if (!writes || value === undefined) continue;
    const last = index + consumed - 1;
    moved[last] = moveValue(moved[last]!, value, directory);
    named ||= effect.kind === 'destination';
  }
  return named ? moved : [...moved, '-o', join(directory, basename(outputs[0]!.path))];
};

/** `path`: of the person who typed the command. */
export const compileHere = async (command: CompileCommand, path: string, directory: string, signal: AbortSignal): Promise<LocalRun> => {
  const argv = redirect(command, directory);
  if (argv === undefined) return { code: undefined, outputs: new Map() };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const env = { ...command.env, PATH: path, TMPDIR: directory, ...(command.pwd === undefined ? {} : { PWD: command.pwd }) };
  // A group of its own, so that all of it can be ended.
  const child = spawn(command.compiler, argv.slice(1), { cwd: command.cwd, env, stdio: 'ignore', detached: true });
  const code = await ended(child, signal);
  const outputs = new Map<number, Buffer>();
  for (const [index, output] of command.outputs.entries()) {
    const content = await readFile(join(directory, basename(output.path))).catch(() => undefined);
    if (content !== undefined) outputs.set(index, content);
  }
  return { code, outputs };
};

const ended = (child: ChildProcess, signal: AbortSignal): Promise<number | undefined> =>
  new Promise((resolve) => {
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    const timer = setTimeout(kill, patienceMs);
    signal.addEventListener('abort', kill, { once: true });
    try {
      if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    } catch {
      // It is over already.
    }
    const finish = (code: number | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      resolve(code);
    };
    child.once('error', () => finish(undefined));
    child.once('exit', (code) => finish(code ?? undefined));
    if (signal.aborted) kill();
  });
