/**
 * wardctl: everything a person does with wardcc.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { toWardError } from '../protocol/errors.ts';
import { entries } from './commands.ts';
import { printable } from './output.ts';

const version = (): string => {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return 'unknown';
};

/** The program with the one command that `name` asks for; the others are there for the help text only. */
const build = async (name: string | undefined): Promise<Command> => {
  const program = new Command('wardctl').description('wardcc for people: state, policy, certificates').version(version(), '--version');
  program.showHelpAfterError('(wardctl --help lists the commands)');
  for (const [key, entry] of Object.entries(entries)) {
    if (key === name) program.addCommand(await entry.load());
    else program.command(key).description(entry.description);
  }
  return program;
};

const main = async (): Promise<void> => {
  const words = process.argv.slice(2);
  const name = words[0] === 'help' ? words[1] : words[0];
  try {
    const program = await build(name);
    await program.parseAsync(words, { from: 'user' });
  } catch (thrown) {
    const error = toWardError(thrown);
    const at = error.at === undefined ? '' : ` (${printable(error.at)})`;
    process.stderr.write(`wardctl: ${printable(error.message)}${at} [${error.code}]\nwardctl: ${error.next}\n`);
    process.exitCode = entries[name ?? '']?.failure ?? error.exit;
  }
};

// `wardctl stats | head -1` reads no further: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
await main();
