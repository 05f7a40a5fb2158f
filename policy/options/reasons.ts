/**
 * Why an option keeps a command on the client, or makes a server refuse it: a closed union with one sentence each. The
 * client counts and explains local compiles by these codes; the server puts the same code and sentence into its refusal.
 *
 * @module
 */

const sentences = {
  'assembler-argument': 'The command hands the assembler an argument that is not on the list of harmless ones.',
  'build-session': 'The command depends on the time stamp of a file that is no input.',
  'charset': 'The command names a character set that needs conversion modules of the local system.',
  'compiler-debugging': 'The command debugs the compiler itself.',
  'cross-target': 'The command changes the target, and with it which tools and files the compiler looks for.',
  'crash-report': 'The command asks for a crash report of the local compiler.',
  'dependencies-only': 'The command only writes dependencies (-M or -MM).',
  'dump': 'The command writes compiler dumps whose names cannot be told in advance.',
  'information': 'The command asks the compiler about itself.',
  'language': 'The command names a language that is not C, C++ or Objective-C.',
  'linker-argument': 'The command hands the linker an argument that is not on the list of harmless ones.',
  'modules': 'The command uses C++ or Clang modules, whose compiled form is an input or an output of other jobs.',
  'native-target': 'The command compiles for exactly the processor of this machine.',
  'offload': 'The command compiles for an accelerator as well.',
  'option-incomplete': 'An option at the end of the command lacks its value.',
  'option-value': 'An option has a value that is not known to be harmless.',
  'plugin': 'The command loads code into the compiler.',
  'precompiled-header': 'The command reads or writes a precompiled header.',
  'preprocess-only': 'The command only preprocesses (-E).',
  'preprocessor-argument': 'The command hands the preprocessor an argument that is not on the list of harmless ones.',
  'profile-data': 'The command reads profile data that this farm did not make.',
  'repeated-output': 'The command names the same kind of output twice.',
  'response-file': 'The command names a response file that cannot be read.',
  'rewriter': 'The command rewrites, migrates or analyses sources instead of compiling them.',
  'save-temps': 'The command keeps intermediate files (-save-temps).',
  'several-sources': 'The command names more than one file to compile.',
  'several-stages': 'The command asks for an object and for assembly at the same time.',
  'source-absent': 'The command names no source file.',
  'standard-input': 'The command reads its source from standard input.',
  'standard-output': 'The command writes its output to standard output.',
  'syntax-only': 'The command only checks syntax and writes nothing.',
  'sysroot': 'The command changes where the compiler looks for the system.',
  'timing-report': 'The command reports time, memory or statistics of this machine.',
  'tool-argument': 'The command hands an argument to an inner program of the compiler.',
  'tool-replaced': 'The command replaces a program or a specification of the compiler.',
  'unknown-option': 'The command has an option that is not in the table.',
  'verbose': 'The command prints the inner commands of the compiler.',
  'whole-program': 'The command does not compile one file to one object or assembly file.',
} as const satisfies Record<string, string>;

export type OptionReason = keyof typeof sentences;

/** One sentence for each reason, for people. */
export const optionReasons: Readonly<Record<OptionReason, string>> = Object.freeze(Object.assign(Object.create(null), sentences));
