/**
 * What a server made, handed to the launcher as a local compile would have left it: files at the places that the command
 * spelled, diagnostics as the compiler printed them. Attacker-controlled: a server may send anything, so only outputs that
 * were asked for are taken and nothing reaches a terminal but text and colours.
 *
 * @module
 */
import { isHeader } from '../../policy/options/index.ts';
import type { ExitStatus, LauncherReply } from '../agent/types.ts';
import type { CompileCommand } from '../command/index.ts';
import type { KeptResult } from './result-file.ts';
import { cleanDiagnostics } from './clean-diagnostics.ts';

/** Permission bits that a compiler gives its outputs, before the umask. */
const fileMode = 0o666;
const executableBits = 0o111;

/** Gives everything to the reply; nothing of it is visible before `done`. */
export function deliver(answer: KeptResult & { readonly status: ExitStatus }, command: CompileCommand, reply: LauncherReply): void {
  for (const { index, mode, content } of answer.outputs) {
    const output = command.outputs[index];
    if (output !== undefined) reply.output(output.path, fileMode | (mode & executableBits), content);
  }
  const [main] = command.outputs;
  if (main !== undefined && !answer.outputs.some(({ index }) => index === 0) && removesEarlierOutput(answer, command)) reply.remove(main.path);
  if (answer.stdout.length > 0) reply.stdout(cleanDiagnostics(answer.stdout));
  if (answer.stderr.length > 0) reply.stderr(cleanDiagnostics(answer.stderr));
  reply.done(answer.status);
}

const fromAssembler = /: Assembler messages:$/m;
const colour = /\x1b\[[\d;]*[mK]/g;
/** All that is said comes from the driver, which then runs nothing. */
const fromDriver = /^(?:(?!cc1)[\w.+-]+: (?:error|warning|note): .*\n)+$/;

/**
 * Does the compiler, when it fails, take away the object that an earlier compile left? The program that would have written it
 * does: a driver that runs several forgets only what the one that failed was to write.
 */
const removesEarlierOutput = ({ status, stderr }: KeptResult & { readonly status: ExitStatus }, { family, argv, language }: CompileCommand): boolean => {
  if (status.code === 0 && status.signal === 0) return false;
  const writesItself = argv.includes('-S') || isHeader(language) || (family === 'clang' ? !argv.includes('-fno-integrated-as') : argv.includes('-pipe'));
  const said = stderr.toString('latin1').replace(colour, '');
  return (writesItself && !fromDriver.test(said)) || fromAssembler.test(said);
};

const missingFile = Buffer.from('No such file or directory');
const notFound = Buffer.from("' file not found");
/** What only assemblers say: gas and clang's. */
const notFoundByAssembler = /: Error: file not found: |error: Could not find (?:incbin|include) file '/;

/** Does a failed compile complain about a file that is not there? In the words of gcc, clang and assemblers. */
export const namesMissingFile = (stderr: Buffer): boolean =>
  stderr.includes(missingFile) || stderr.includes(notFound) || notFoundByAssembler.test(stderr.toString('latin1'));

/** Do the diagnostics quote something of a source that is not let through to a terminal? */
export const hidesSomething = ({ stdout, stderr }: Pick<KeptResult, 'stdout' | 'stderr'>): boolean =>
  [stdout, stderr].some((text) => text.length > 0 && !cleanDiagnostics(text).equals(text));
