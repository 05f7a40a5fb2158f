/**
 * Diagnostics of a job that runs elsewhere look as they would here: what the compiler decides by looking at its terminal is
 * said with options.
 *
 * @module
 */
import type { Family } from '../../policy/options/types.ts';

export interface Terminal {
  readonly isTerminal: boolean;
  readonly columns: number;
}

/** What the user chose; what would record the added options in the object. */
const chosen = /^-(?:f(?:no-)?(?:diagnostics-color|color-diagnostics|ansi-escape-codes)|fdiagnostics-plain-output|fdiagnostics-format)/;
const recorded = /^-[fg]record-command-line$/;

/** Options to add, in front of the user's. */
export const diagnosticOptions = (argv: readonly string[], env: Readonly<Record<string, string>>, terminal: Terminal | undefined,
  family: Family): string[] => {
  if (terminal?.isTerminal !== true) {
    return [];
  }
  const isChosen = argv.some(argument => chosen.test(argument) || (family === 'clang' && recorded.test(argument)));
  const term = env['TERM'] ?? '';
  const colour = !isChosen && term !== '' && term !== 'dumb' && (family === 'gcc' || !env['NO_COLOR']);
  if (family === 'gcc') {
    return colour ? ['-fdiagnostics-color=always'] : [];
  }
  const columns = /^[1-9][0-9]{0,4}$/.test(env['COLUMNS'] ?? '') ? Number(env['COLUMNS']) : terminal.columns;
  const width = columns > 0 && !argv.some(argument => argument.startsWith('-fmessage-length') || recorded.test(argument));
  return [...(colour ? ['-fcolor-diagnostics'] : []), ...(width ? [`-fmessage-length=${columns}`] : [])];
};
