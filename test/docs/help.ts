/**
 * What a program says about itself under `--help`, read as data.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { programs } from '../../ctl/dev/layout.ts';

const run = promisify(execFile);

export interface Help {
  readonly commands: readonly string[];
  /** Each spelling of an option, and whether a value follows it. */
  readonly options: ReadonlyMap<string, boolean>;
  /** Operands that must be given. */
  readonly needed: number;
}

const section = (text: string, name: string): string => new RegExp(`^${name}:\\n((?:  .*\\n?)+)`, 'm').exec(text)?.[1] ?? '';

/** Reads what commander prints. */
export const readHelp = (text: string): Help => {
  const options = new Map<string, boolean>();
  for (const [, spellings, value] of section(text, 'Options').matchAll(/^ {2}((?:-\S, )?-\S+)( <[^>]+>)?/gm)) {
    for (const spelling of spellings!.split(', ')) options.set(spelling, value !== undefined);
  }
  return {
    commands: [...section(text, 'Commands').matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name!),
    options,
    needed: [...(/^Usage: .*$/m.exec(text)?.[0] ?? '').matchAll(/<[^>]+>/g)].length,
  };
};

/** Reads the usage lines of wardccd, of one command if `name` is given: the program's own options stand on the line without a command. */
export const readUsage = (text: string, name?: string): Help => {
  const lines = [...text.matchAll(/wardccd(?: ([a-z][a-z-]+))?( .*)?$/gm)].map(([, command, rest]) => ({ command, rest: rest ?? '' }));
  const options = new Map<string, boolean>([['--help', false]]);
  let needed = 0;
  for (const { rest } of lines.filter(({ command }) => command === name)) {
    for (const [, option, value] of rest.matchAll(/(--[a-z-]+)( [A-Z]+)?/g)) options.set(option!, value !== undefined);
    needed = [...rest.replaceAll(/--[a-z-]+( [A-Z]+)?/g, '').matchAll(/\b[A-Z]+\b/g)].length;
  }
  return { commands: name === undefined ? lines.flatMap(({ command }) => command ?? []) : [], options, needed };
};

const known = new Map<string, Promise<string>>();

/** What `PROGRAM COMMAND... --help` prints; a status other than 0 is an error. */
export const helpText = (program: string, path: readonly string[]): Promise<string> => {
  const key = [program, ...path].join(' ');
  const text = known.get(key) ?? run(join(programs, program), [...path, '--help'], { env: { ...process.env, COLUMNS: '1000' } }).then(({ stdout }) => stdout);
  known.set(key, text);
  return text;
};

export const help = async (program: 'wardctl' | 'wardccd', path: readonly string[]): Promise<Help> =>
  program === 'wardctl' ? readHelp(await helpText(program, path)) : readUsage(await helpText(program, []), path[0]);

/** Every command of a program, with its own options: `[['stats'], ['dev', 'up'], …]`. */
export const everyCommand = async (program: 'wardctl' | 'wardccd', path: readonly string[] = []): Promise<(readonly string[])[]> => {
  const { commands } = await help(program, path);
  const below = commands.filter((name) => name !== 'help').map((name) => everyCommand(program, [...path, name]));
  const deeper = (await Promise.all(below)).flat();
  return path.length === 0 || commands.length > 0 ? deeper : [path];
};
