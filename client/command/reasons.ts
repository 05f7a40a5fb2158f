/**
 * Why a command is compiled where it was typed: a closed union with one sentence each. `wardctl stats` counts by these
 * codes, `WARDCC_EXPLAIN=1` and `wardctl why` print the sentences.
 *
 * @module
 */
import { optionReasons } from '../../policy/options/reasons.ts';
import type { OptionReason } from '../../policy/options/reasons.ts';

const ownSentences = {
  'assembler-source': 'Assembling a .s file is as cheap as sending it.',
  'compiler-missing': 'The compiler was not found.',
  'compiler-script': 'The compiler is a script, so what it does cannot be known.',
  'compiler-unknown': 'The compiler is neither gcc nor clang.',
  'configure-probe': 'The command is a probe of configure, CMake, Meson or Kbuild.',
  'environment': 'An environment variable changes what the compiler does or writes.',
  'non-utf8': 'The command contains bytes that are not UTF-8.',
  'output-clash': 'Two outputs of the command are the same file, or one of them is the source.',
  'output-directory': 'The directory of an output does not exist.',
  'output-read-only': 'An output, or the directory it would come into, may not be written.',
  'output-special': 'An output is a device, a link, a directory or another special file.',
  'path-reserved': 'A file of the command lies in a directory that belongs to the system.',
  'source-missing': 'The source file does not exist or is no regular file.',
  'translated-messages': 'Messages of the compiler are translated or in a character set other than UTF-8.',
  'working-directory': 'The working directory was removed or cannot be used.',
} as const satisfies Record<string, string>;

export type LocalReason = OptionReason | keyof typeof ownSentences;

/** One sentence for each reason, for people. */
export const localReasons: Readonly<Record<LocalReason, string>> = Object.freeze(Object.assign(Object.create(null), optionReasons,
  ownSentences));
