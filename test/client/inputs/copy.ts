/**
 * Lays out an input tree as a server would and compiles in it: the toolchain, the tree, nothing else. Whatever the closure
 * missed is not there.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Inputs, InputsCommand } from '../../../client/inputs/types.ts';
import { understandCommand } from '../../../client/command/index.ts';
import type { Toolchain } from '../../../toolchain/describe.ts';

/** Understands a command; fails if it would be local. */
export const commandOf = async (argv: string[], cwd: string, env: Record<string, string> = {}): Promise<InputsCommand> => {
  const command = await understandCommand({ argv, compiler: argv[0] as string, cwd, env });
  if (command.kind === 'local') throw new Error(`local: ${command.reason} ${command.detail ?? ''}`);
  return command;
};

/** Writes the tree below `root`: files first, links last, no two files sharing an inode. */
export const layOut = (inputs: Inputs, root: string): void => {
  for (const entry of inputs.entries) if (entry.kind === 'directory') mkdirSync(join(root, entry.path), { recursive: true });
  for (const entry of inputs.entries) {
    if (entry.kind !== 'file') continue;
    const path = inputs.fileWith(entry.digest);
    if (path === undefined) throw new Error(`no file for ${entry.path}`);
    mkdirSync(dirname(join(root, entry.path)), { recursive: true });
    copyFileSync(path, join(root, entry.path));
    chmodSync(join(root, entry.path), 0o644);
    utimesSync(join(root, entry.path), 1_000_000_000, 1_000_000_000 + entry.group);
  }
  for (const entry of inputs.entries) if (entry.kind === 'link') symlinkSync(entry.target, join(root, entry.path));
};

export interface Compiled {
  readonly code: number;
  readonly stderr: string;
  /** The object, if there is one. */
  readonly object?: Buffer;
}

const run = (file: string, args: string[], options: object): Promise<{ code: number; stderr: string }> =>
  new Promise((resolve, reject) => {
    execFile(file, args, { ...options, encoding: 'utf8' }, (error, _stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: error === null ? 0 : (error.code as number), stderr });
    });
  });

const readIfThere = (path: string): { object?: Buffer } => (existsSync(path) ? { object: readFileSync(path) } : {});

/** The command as it was given, here. */
export const compileHere = async (command: InputsCommand): Promise<Compiled> => {
  const [file, ...args] = command.argv as [string, ...string[]];
  const ended = await run(file, args, { cwd: command.cwd, env: { PATH: '/usr/bin', ...command.env } });
  return { ...ended, ...readIfThere(command.outputs[0]?.path ?? '') };
};

/** The command in a copy: `root` is an empty directory for it. */
export const compileInCopy = async (command: InputsCommand, inputs: Inputs, toolchain: Toolchain, root: string): Promise<Compiled> => {
  layOut(inputs, root);
  const system = new Set(['usr', 'lib', 'lib64', 'bin', 'sbin']);
  const binds = readdirSync(root).filter((name) => !system.has(name)).flatMap((name) => ['--bind', join(root, name), `/${name}`]);
  const includes = toolchain.includeDirs.filter((folder) => existsSync(folder)).flatMap((folder) =>
    existsSync(join(root, folder)) ? ['--ro-bind', join(root, folder), folder] : ['--tmpfs', folder]);
  const own = '/wardcc-temporary';
  const ended = await run('bwrap', [
    '--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--clearenv', '--setenv', 'PATH', '/usr/bin', '--setenv',
      'TMPDIR', own,
    ...Object.entries(command.env).flatMap(([name, value]) => ['--setenv', name, value]),
    '--ro-bind', '/usr', '/usr', '--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64', '--dev', '/dev', '--tmpfs', own,
    ...binds, ...includes, '--chdir', command.cwd, ...command.argv,
  ], {});
  return { ...ended, ...readIfThere(join(root, command.outputs[0]?.path ?? '')) };
};
