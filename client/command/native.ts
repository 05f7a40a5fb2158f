/**
 * `-march=native` and its like, spelled out: gcc says what they mean on this machine, and that is what travels.
 *
 * Always holds: the object is the same as with the short spelling. Debug information and LTO record the options in an order
 * that cannot be had with long spellings, and clang's list has no spelling in options: there the command stays as it is.
 *
 * @module
 */
import { statSync } from 'node:fs';
import { ask } from '../../toolchain/query.ts';
import { stampOf } from '../../toolchain/stamp.ts';
import type { Family } from '../../policy/options/types.ts';

const native = /^-m(?:arch|tune|cpu)=native$/;
const recorded = /^(?:-g(?!0$|no-)|-flto|-frecord-gcc-switches|--debug)/;

const known = new Map<string, Promise<string[] | undefined>>();

/** `argv` with the target options spelled out; as it was where that is not possible or not needed. */
export const expandNative = async (argv: readonly string[], family: Family): Promise<readonly string[]> => {
  if (!argv.some(argument => native.test(argument)) || family !== 'gcc' || argv.some(argument => recorded.test(argument))) {
    return argv;
  }
  const [compiler = '', ...rest] = argv;
  const targets = rest.filter(isTarget);
  // The name may be a link to another compiler by now.
  const key = [compiler, stampOf(compiler, statSync), ...targets].join('\0');
  const answer = known.get(key) ?? question(compiler, targets);
  known.set(key, answer);
  const expanded = await answer;
  return expanded === undefined ? argv : [compiler, ...expanded, ...rest.filter(argument => !isTarget(argument))];
};

const isTarget = (argument: string): boolean => /^-m[a-z0-9]/.test(argument);

/** The target options that cc1 is started with. */
const question = async (compiler: string, targets: readonly string[]): Promise<string[] | undefined> => {
  const { ok, stderr } = await ask(compiler, [...targets, '-v', '-E', '-x', 'c', '/dev/null']).catch(() => ({ ok: false, stderr: '' }));
  const line = stderr.split('\n').find(each => /^ \S*\/cc1 /.test(each));
  const words = line?.slice(line.indexOf(' /dev/null ') + ' /dev/null '.length).split(' ') ?? [];
  const found = words.flatMap((word, index) => (word === '--param' ? [`--param=${words[index + 1] ?? ''}`] : isTarget(word) ? [word] : []));
  return ok && found.some(word => word.startsWith('-march=')) && !found.some(word => native.test(word)) ? found : undefined;
};
