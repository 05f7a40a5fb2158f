/**
 * Diagnostics of a job that runs elsewhere look as they would here: what the compiler decides by looking at its terminal is
 * said with options. The rules are the compilers' own.
 *
 * @module
 */
import type { CompilerIdentity } from './compiler.ts';

export interface Terminal {
  /** Whether stderr is one. */
  readonly isTerminal: boolean;
  /** Of stderr; 0 where unknown. */
  readonly columns: number;
  /** Of stdin; 0 where unknown. */
  readonly inputColumns: number;
}

type Environment = Readonly<Record<string, string>>;

/** What the user chose about colours (`auto` is no choice). */
const colourChosen = /^-f(?:no-)?(?:diagnostics-(?:color(?!=auto)|plain-output|format)|color-diagnostics|ansi-escape-codes)/;
const urlsChosen = /^-f(?:diagnostics-urls=(?!auto)|diagnostics-plain-output|diagnostics-format)/;
/** clang then writes its options into the object. */
const recorded = /^-[fg]record-command-line$/;

/** Options to add after the user's; none when stderr is no terminal. */
export const diagnosticOptions = (
  argv: readonly string[], env: Environment, terminal: Terminal | undefined, compiler: CompilerIdentity,
): string[] => {
  if (terminal?.isTerminal !== true) {
    return [];
  }
  const has = (pattern: RegExp): boolean => argv.some(argument => pattern.test(argument));
  if (compiler.family === 'gcc') {
    return [
      ...(gccColours(env) && !has(colourChosen) ? ['-fdiagnostics-color=always'] : []),
      ...(compiler.major >= 10 && gccUrls(env) && !has(urlsChosen) ? ['-fdiagnostics-urls=always'] : []),
    ];
  }
  if (has(recorded)) {
    return [];
  }
  const columns = /^[1-9][0-9]{0,4}$/.test(env['COLUMNS'] ?? '') ? Number(env['COLUMNS']) : compiler.major < 13 ? terminal.columns : 0;
  return [
    ...(clangColours(env, compiler.major) && !has(colourChosen) ? ['-fcolor-diagnostics'] : []),
    ...(columns > 0 && !has(/^-fmessage-length/) ? [`-fmessage-length=${columns}`] : []),
  ];
};

/**
 * The width at which gcc begins to cut source lines, as the variable that tells it so. There is no option for it, and gcc asks
 * only where stderr is a terminal: a server lets it believe so for a job that has this variable.
 */
export const diagnosticEnvironment = (
  env: Environment, terminal: Terminal | undefined, { family }: CompilerIdentity,
): Record<string, string> => {
  if (terminal?.isTerminal !== true || family !== 'gcc') {
    return {};
  }
  const said = Number.parseInt(env['COLUMNS'] ?? '', 10);
  const columns = said > 0 ? said : terminal.inputColumns;
  return columns > 0 && columns <= widest ? { COLUMNS: String(columns) } : {};
};

const widest = 99_999;

const gccColours = (env: Environment): boolean => env['TERM'] !== undefined && env['TERM'] !== 'dumb';

const gccUrls = (env: Environment): boolean => {
  const { COLORTERM: colours, TERM: term = '' } = env;
  if (!gccColours(env) || colours === 'xfce4-terminal' || colours === 'gnome-terminal') {
    return false;
  }
  return env['GCC_URLS'] !== undefined || env['TERM_URLS'] !== undefined || colours !== undefined || (term !== 'xterm' && term !== 'linux');
};

/** clang asks terminfo whether a terminal has colours: these have. It heeds NO_COLOR since version 17. */
const clangColours = (env: Environment, major: number): boolean => (major < 17 || !env['NO_COLOR']) && colourful.test(env['TERM'] ?? '');
const colourful =
  /color|^(?:alacritty|ansi|contour|cygwin|eterm|foot|ghostty|gnome|kitty|konsole|linux|putty|rxvt|screen|st-|tmux|wezterm|xterm)/i;
