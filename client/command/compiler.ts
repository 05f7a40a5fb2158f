/**
 * What kind of compiler a path is. It is asked once for each file content (by stamp); a script is never run for that.
 *
 * @module
 */
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { ask } from '../../toolchain/query.ts';
import type { Family } from '../../policy/options/types.ts';

export interface CompilerIdentity {
  readonly family: Family;
  /** `c++` for g++ and clang++, which take .c files for C++. */
  readonly driver: 'c' | 'c++';
  /** Major version, 0 where unknown. */
  readonly major: number;
}

export type CompilerProblem = 'compiler-missing' | 'compiler-script' | 'compiler-unknown';

const known = new Map<string, { stamp: string; identity: Promise<CompilerIdentity | CompilerProblem> }>();

/** Identifies the compiler at an absolute path. Never rejects. */
export const identifyCompiler = async (path: string): Promise<CompilerIdentity | CompilerProblem> => {
  let stamp: string;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) {
      return 'compiler-missing';
    }
    stamp = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}`;
  } catch {
    return 'compiler-missing';
  }
  const found = known.get(path);
  if (found?.stamp === stamp) {
    return found.identity;
  }
  const identity = examine(path);
  known.set(path, { stamp, identity });
  return identity;
};

/** gcc's other drivers (cpp, gfortran, …) say the same words about themselves. */
const gccName = /(?:^|-)(?:gcc|g\+\+|cc|c\+\+)(?:-[0-9.]+)?$/;

const examine = async (path: string): Promise<CompilerIdentity | CompilerProblem> => {
  const start = firstBytes(path);
  if (start.startsWith('#!')) {
    return 'compiler-script';
  }
  if (start !== '\x7fELF' || isWrapper(path)) {
    return 'compiler-unknown';
  }
  const text = await ask(path, ['--version']).then(answer => (answer.ok ? answer.stdout : ''), () => '');
  const clang = /\bclang version (\d+)/.exec(text);
  const name = posix.basename(path);
  if (clang !== null && !/(?:cpp|-cl|-dxc|flang)(?:-[0-9.]+)?$/.test(name)) {
    return { family: 'clang', driver: isCxxName(path) ? 'c++' : 'c', major: Number(clang[1]) };
  }
  const [first = '', second = ''] = text.split('\n');
  const gcc = / (\d+)(?:\.\d+)+/.exec(first.replace(/\([^)]*\)/g, ''));
  const program = realpathSync(path);
  if (gcc === null || !first.startsWith(`${name} `) || !second.includes('Free Software Foundation')
    || !gccName.test(posix.basename(program))) {
    return 'compiler-unknown';
  }
  return { family: 'gcc', driver: isCxxName(program) ? 'c++' : 'c', major: Number(gcc[1]) };
};

const firstBytes = (path: string): string => {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(4);
      const length = readSync(file, bytes, 0, 4, 0);
      const start = bytes.toString('latin1', 0, length);
      return start.startsWith('#!') ? '#!' : start;
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
};

/** Programs that run a compiler of their own choice and pass its answers on. */
const isWrapper = (path: string): boolean =>
  /^(?:ccache|sccache|distcc|icecc|icerun|nocc|colorgcc|wardcc)$/.test(posix.basename(realpathSync(path)));

/** clang decides by the name it is called by, gcc is another program: `g++`, `clang++-14`, `x86_64-linux-gnu-g++-12`, `c++`. */
const isCxxName = (path: string): boolean => /\+\+(?:-[0-9.]+)?$/.test(posix.basename(path));
