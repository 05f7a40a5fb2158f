/**
 * `wardctl options`: what wardcc knows about compiler options, and what it doesn't.
 *
 * @module
 */
import { Command } from 'commander';
import { unknownOptions } from '../policy/options/unknown.ts';
import { matchOption } from '../policy/options/lookup.ts';
import { optionReasons } from '../policy/options/reasons.ts';
import { WardError } from '../protocol/errors.ts';
import type { Effect, Family } from '../policy/options/types.ts';

export const optionsCommand = (): Command => {
  const command = new Command('options').description('compiler options that wardcc knows');
  command.command('unknown')
    .description('list the options of a compiler that are not in the table: commands with one of these are compiled locally')
    .argument('<compiler>', 'gcc, g++, clang, clang++ or a path')
    .option('--json', 'print JSON')
    .action(async (compiler: string, { json }: { json?: boolean }) => {
      const unknown = await unknownOptions(compiler).catch((cause: unknown) => {
        throw new WardError('usage', `${compiler} could not be asked for its options.`, { cause });
      });
      process.stdout.write(json === true ? `${JSON.stringify({ compiler, unknown })}\n` : unknown.map(each => `${each}\n`).join(''));
    });
  command.command('explain')
    .description('say what wardcc makes of one option')
    .argument('<option>', 'as it stands in a command, such as -fplugin=x.so')
    .option('--compiler <family>', 'gcc or clang', 'gcc')
    .allowUnknownOption()
    .action((option: string, { compiler }: { compiler: string }) => {
      if (compiler !== 'gcc' && compiler !== 'clang') {
        throw new WardError('usage', '--compiler takes gcc or clang.');
      }
      process.stdout.write(`${option}: ${explain(option, compiler)}\n`);
    });
  return command;
};

const explain = (option: string, family: Family): string => {
  const match = matchOption(['', option, 'value'], 1, family);
  return 'unknown' in match ? `compiled locally, refused by servers. ${optionReasons[match.unknown]}` : describe(match.entry.effect);
};

const describe = (effect: Effect): string => {
  switch (effect.kind) {
    case 'local': return `compiled locally. ${optionReasons[effect.reason]}`;
    case 'refused': return `compiled locally, refused by servers. ${optionReasons[effect.reason]}`;
    case 'pieces': return `sent, if every argument for the ${effect.tool} is on the list of harmless ones.`;
    case 'input': case 'include': return 'sent; the file it names is an input.';
    case 'search': return 'sent; the directory it names is searched for inputs.';
    case 'output': case 'destination': case 'dependencies': case 'auxiliary': return 'sent; it decides which files come back.';
    default: return 'sent.';
  }
};
