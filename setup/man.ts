/**
 * Writes packaging/man/wardctl.1 from what the commands say about themselves: `node setup/man.ts`. A test compares.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Argument, Command, Option } from 'commander';
import { entries } from '../ctl/commands.ts';

/** Text as mdoc wants it: no line may begin with a dot or a quote, a backslash or a minus means itself, sentences begin on lines of their own. */
const plain = (text: string): string =>
  text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '...').replaceAll(/^(?=[.'])/gm, '\\&').replaceAll(/([.?!]) +/g, '$1\n');

const sentence = (text: string): string => plain(/[.?!]$/.test(text) ? text : `${text}.`);

/** `<file or serial>` as the word that stands for it. */
const placeholder = (text: string): string => text.replaceAll(/[<>[\]]/g, '').replaceAll(/ or .*/g, '').replaceAll('@', '\\&@');

/** `-d, --dir <dir>` with the macros for a flag and its value. */
const flags = (option: Option): string => {
  const [, value] = /(<[^>]+>)/.exec(option.flags) ?? [];
  const spellings = [option.short, option.long].filter((spelling) => spelling != null);
  const named = spellings.map((spelling) => `Fl ${plain(spelling.slice(1))}`).join(' , ');
  return value === undefined ? named : `${named} Ar ${placeholder(value)}`;
};

const defaultOf = ({ defaultValue, defaultValueDescription }: Option | Argument): string => {
  if (defaultValue === undefined || defaultValue === false || (Array.isArray(defaultValue) && defaultValue.length === 0)) return '';
  return `\nDefault: ${plain(defaultValueDescription ?? String(defaultValue))}.`;
};

const choicesOf = ({ argChoices }: Option): string => (argChoices === undefined ? '' : `\nOne of ${argChoices.map(plain).join(', ')}.`);

const operand = (argument: Argument): string => (argument.required ? `Ar ${placeholder(argument.name())}` : `Op Ar ${placeholder(argument.name())}`);

const section = (path: readonly string[], command: Command): string[] => {
  const name = [...path, command.name()];
  if (command.commands.length > 0) return command.commands.flatMap((below) => section(name, below));
  const options = command.options.filter(({ hidden }) => !hidden);
  const lines = [
    `.It Xo Cm ${name.map(plain).join(' ')}`,
    ...(options.length === 0 ? [] : ['.Op Ar options']),
    ...command.registeredArguments.map((argument) => `.${operand(argument)}`),
    '.Xc',
    sentence(command.description()),
  ];
  if (options.length === 0) return lines;
  lines.push('.Bl -tag -width Ds -compact');
  for (const option of options) {
    const said = `${option.description === '' ? '' : sentence(option.description)}${choicesOf(option)}${defaultOf(option)}`.trim();
    lines.push(`.It ${flags(option)}`, said);
  }
  return [...lines, '.El'];
};

/** The whole page. */
export const wardctlPage = async (): Promise<string> => {
  const commands = await Promise.all(Object.values(entries).map((entry) => entry.load()));
  return `.\\" Written by setup/man.ts from what the commands say about themselves.
.Dd November 20, 2026
.Dt WARDCTL 1
.Os wardcc
.Sh NAME
.Nm wardctl
.Nd see what the compile farm did, administer policies and certificates
.Sh SYNOPSIS
.Nm
.Ar command
.Op Ar options
.Op Ar operands
.Sh DESCRIPTION
.Nm
is what a person does with
.Xr wardcc 1 :
ask what became of the compiles, check a policy, verify a log, make certificates, bring up a farm to try things out.
.Pp
Every command prints what it knows about itself with
.Fl h
or
.Fl \\-help .
.Bl -tag -width Ds
${commands.flatMap((command) => section([], command)).join('\n')}
.El
.Sh ENVIRONMENT
That of
.Xr wardcc 1 .
.Sh EXIT STATUS
0 when all is well.
The commands under
.Cm policy
and
.Cm audit
exit with 1 for input that is broken and with 2 for
.Dq no
or for findings; the others with the status that
.Xr wardcc 1
has for the same error.
.Sh SEE ALSO
.Xr wardcc 1 ,
.Xr wardccd 8
`;
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(join(import.meta.dirname, '../packaging/man/wardctl.1'), await wardctlPage());
}
