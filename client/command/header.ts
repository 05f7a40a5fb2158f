/**
 * A header that is given to gcc alone, without `-c`, is precompiled all the same: makefiles write it so. With `-c` it is a compile
 * like any other, and makes the same files.
 *
 * @module
 */
import { isHeader, languageOf, readArguments } from '../../policy/options/index.ts';
import type { CompilerIdentity } from './compiler.ts';

/** Options that are files to gcc: with one of them it links after all. */
const linked = new Set(['-l', '-Wl,', '-Xlinker']);

/** `argv` with `-c` where it precompiles a header without; as it was in any other case. */
export const withStage = (argv: readonly string[], { family, driver }: CompilerIdentity): readonly string[] => {
  if (family !== 'gcc' || argv.some(argument => argument === '-c' || argument === '-S')) {
    return argv;
  }
  const { destination, options, sources, stages } = readArguments(argv, family);
  const [source, second] = sources;
  // Without -o, gcc names the dependency file after a program that it does not make.
  if (stages.size > 0 || source === undefined || second !== undefined || destination === undefined) {
    return argv;
  }
  if (!isHeader(languageOf(source.path, source.language, driver) ?? '') || options.some(({ entry }) => linked.has(entry.spelling))) {
    return argv;
  }
  const [compiler = '', ...rest] = argv;
  return [compiler, '-c', ...rest];
};
