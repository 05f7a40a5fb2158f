/**
 * `wardctl install-links DIR`: a directory of links named like the compilers of this machine, all pointing at wardcc. Put first in PATH,
 * it sends a build to the farm without any change to the build.
 *
 * @module
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, realpathSync, statSync, symlinkSync, unlinkSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import { launcherPath } from '../client/agent/client.ts';
import { WardError } from '../protocol/errors.ts';
import { shellQuote } from './dev/files.ts';
import { print, printJson } from './output.ts';

/** `gcc`, `g++-12`, `clang`, `x86_64-linux-gnu-gcc-12`, `cc`, `c++`: not `gcc-ar`, not `clang-format`. */
const compilerName = /^(?:[a-z0-9_]+-(?:[a-z0-9_]+-)*)?(?:gcc|g\+\+|clang|clang\+\+|cc|c\+\+)(?:-[0-9]+(?:\.[0-9]+)*)?$/;

const isCompiler = (path: string, launcher: string): boolean => {
  try {
    const real = realpathSync(path);
    return real !== launcher && basename(real) !== 'wardcc' && statSync(real).isFile() && (statSync(real).mode & 0o111) !== 0;
  } catch {
    return false;
  }
};

/** Names of compilers in PATH, wardcc's own links not counted. */
export const compilersIn = (path: string, launcher: string): string[] => {
  const names = new Set<string>();
  for (const directory of path.split(':').filter((part) => part.startsWith('/') && existsSync(part))) {
    for (const name of readdirSync(directory)) {
      if (compilerName.test(name) && isCompiler(join(directory, name), launcher)) names.add(name);
    }
  }
  return [...names].sort();
};

/** A link of ours is made anew; anything else in its place is not touched. */
const link = (launcher: string, path: string): void => {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() === true && basename(readlinkSync(path)) === 'wardcc') unlinkSync(path);
  else if (there !== undefined) throw new WardError('usage', `${path} exists and is no link to wardcc; it is not replaced.`);
  symlinkSync(launcher, path);
};

export const installLinksCommand = (): Command =>
  new Command('install-links')
    .description('make a directory of links named like compilers')
    .argument('<dir>', 'directory for the links')
    .option('--json', 'for scripts')
    .action((dir: string, options: { json?: boolean }) => {
      const launcher = realpathSync(launcherPath());
      const names = compilersIn(process.env['PATH'] ?? '', launcher);
      if (names.length === 0) throw new WardError('usage', 'There is no compiler in PATH.');
      mkdirSync(dir, { recursive: true });
      for (const name of names) link(launcher, join(resolve(dir), name));
      if (options.json === true) return printJson({ directory: resolve(dir), names });
      print(`${names.length} links in ${dir}: ${names.join(' ')}`);
      // A word as long as no character of it means anything to a shell.
      print(`Use them: PATH=${/^[\w@%+=:,./-]+$/.test(dir) ? dir : shellQuote(dir)}:$PATH`);
    });
