/**
 * Why the inputs of a command keep it on this machine: a closed union with one sentence each, as for options
 * ({@link module:policy/options/reasons}). Codes are counted, sentences are shown.
 *
 * @module
 */

const sentences = {
  'assembler-file': 'The assembler reads a file whose name is only known after preprocessing (.incbin).',
  'changing-input': 'An input file changed while it was read or compiled.',
  'computed-has-include': 'A header asks for a file whose name is only known after preprocessing (__has_include, #embed).',
  'computed-line': 'Diagnostics may quote a file whose name is only known after preprocessing (#line).',
  'file-dependency': 'A header compares time stamps of files (#pragma GCC dependency).',
  'include-alias': 'A header renames other headers (#pragma include_alias).',
  'input-twice': 'Two inputs are the same file under two names (hard links), which cannot be copied faithfully.',
  'module': 'The text imports or declares a C++ module.',
  'non-utf8-path': 'The path of an input is not valid UTF-8.',
  'output-as-input': 'The command may read a file that it writes.',
  'odd-input': 'An input is neither a regular file nor a link to one, or cannot be read.',
  'precompiled-header': 'A precompiled header that this farm did not make lies beside an included header.',
  'preprocessing-failed': 'The compiler could not tell what the command reads: probably an error in the source.',
  'system-file': 'An input lies in a system directory that is none of the compiler\'s include directories.',
  'time-macro': 'The text depends on the time of the compilation (__DATE__, __TIME__, __TIMESTAMP__).',
  'too-many-inputs': 'The command reads more files than may be sent.',
} as const satisfies Record<string, string>;

export type InputReason = keyof typeof sentences;

/** One sentence for each reason, for people. */
export const inputReasons: Readonly<Record<InputReason, string>> = Object.freeze(Object.assign(Object.create(null), sentences));

/** Thrown inside this directory to end a collection: the command must be compiled where it was typed. */
export class StaysLocal extends Error {
  readonly code: InputReason;
  /** Which file, or more about it. */
  readonly detail: string;

  constructor(code: InputReason, detail: string) {
    super(inputReasons[code]);
    this.code = code;
    this.detail = detail;
  }
}
