/**
 * Asking a compiler about itself. It runs with a fixed environment, so that the answer depends on the files it is made of
 * and on nothing of the person who asks.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { posix } from 'node:path';
import { WardError } from '../protocol/errors.ts';
import { merged } from './file-set.ts';

/** The environment in which a compiler is asked, and in which a canary is compiled. */
export const askEnvironment: Readonly<Record<string, string>> = Object.freeze({ PATH: '/usr/bin', LC_ALL: 'C' });

export interface Answer {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `compiler args…` and waits; a compiler that can't be started is a WardError `toolchain-unknown`. */
export const ask = (compiler: string, args: readonly string[], cwd = '/'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const options = { cwd, env: { ...askEnvironment }, timeout: 20_000, maxBuffer: 4 * 1024 * 1024, windowsHide: true };
    const child = execFile(compiler, args, options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') {
        reject(new WardError('toolchain-unknown', `${compiler} could not be run: ${error.message.split('\n')[0]}`, { cause: error }));
      } else resolve({ ok: error === null, stdout, stderr });
    });
    child.stdin?.end();
  });

export type Family = 'gcc' | 'clang';

/** What `-E -v` tells. */
export interface Verbose {
  readonly family?: Family;
  readonly target?: string;
  /** Search directories that exist, in the compiler's order and spelling. */
  readonly quote: string[];
  readonly angle: string[];
  /** Directories that the compiler would search if they existed. */
  readonly absent: string[];
  /** Directories that the compiler passes over because another one is the same. */
  readonly duplicates: string[];
  /** Configuration files that clang read. */
  readonly configurations: string[];
  /** Where clang found gcc's runtime files. */
  readonly gccInstallation?: string;
}

/** Reads the search path and the identity out of what a compiler prints with `-v`. */
export const parseVerbose = (text: string): Verbose => {
  const lines = text.split('\n');
  const first = (pattern: RegExp): string | undefined => lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
  const section = (start: RegExp): string[] => {
    const from = lines.findIndex((line) => start.test(line));
    if (from < 0) return [];
    const found: string[] = [];
    for (const line of lines.slice(from + 1)) {
      if (!line.startsWith(' ')) break;
      found.push(line.slice(1).replace(/ \(framework directory\)$/, ''));
    }
    return found;
  };
  const presents = (pattern: RegExp): boolean => lines.some((line) => pattern.test(line));
  const family: Family | undefined = presents(/\bclang version \d/) ? 'clang' : presents(/^gcc version \d/) ? 'gcc' : undefined;
  const target = first(/^Target: (\S+)/);
  const gccInstallation = first(/^Selected GCC installation: (.+)/);
  return {
    ...(family === undefined ? {} : { family }),
    ...(target === undefined ? {} : { target }),
    ...(gccInstallation === undefined ? {} : { gccInstallation }),
    quote: section(/^#include "\.\.\." search starts here:/),
    angle: section(/^#include <\.\.\.> search starts here:/),
    absent: lines.flatMap((line) => /^ignoring nonexistent directory "(.*)"$/.exec(line)?.[1] ?? []),
    duplicates: lines.flatMap((line) => /^ignoring duplicate directory "(.*)"$/.exec(line)?.[1] ?? []),
    configurations: lines.flatMap((line) => /^Configuration file: (.+)$/.exec(line)?.[1] ?? []),
  };
};

/** The name by which a directory is known: links resolved where it exists, otherwise only tidied. */
const plainName = (directory: string): string => {
  try {
    return realpathSync(directory);
  } catch {
    return merged(posix.normalize(directory)).replace(/(.)\/$/, '$1');
  }
};

/**
 * The smallest set of directories below `/usr` that holds every directory the compiler searches by itself, whether it exists
 * here or not: a client's copies of system headers may be laid out there and nowhere else below `/usr`.
 */
export const coverIncludeDirs = (answers: readonly Verbose[]): string[] => {
  const folders = answers.flatMap((answer) => [...answer.angle, ...answer.absent]);
  const names = new Set(folders.map(plainName).filter((name) => /^\/usr\/[^/]/.test(name)));
  const all = [...names].sort();
  return all.filter((name) => !all.some((other) => other !== name && name.startsWith(`${other}/`)));
};
