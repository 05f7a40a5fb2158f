/**
 * wardctl: everything a person does with wardcc. Each command lives in its own module, loaded only when it is asked for, so that a
 * script pays for one.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { toWardError } from '../protocol/errors.ts';
import { printable } from './output.ts';

interface Entry {
  readonly description: string;
  load(): Promise<Command>;
  /** Exit status of a failure, where it isn't the error's own: scripts read 1 as "broken input" there. */
  readonly failure?: number;
}

const entries: Readonly<Record<string, Entry>> = {
  stats: { description: 'what became of your jobs, and why', load: async () => (await import('./stats.ts')).statsCommand() },
  hosts: { description: 'servers and their state', load: async () => (await import('./hosts.ts')).hostsCommand() },
  whoami: { description: 'who the servers say you are', load: async () => (await import('./whoami.ts')).whoamiCommand() },
  ping: { description: 'the way to each server and back', load: async () => (await import('./ping.ts')).pingCommand() },
  why: { description: 'what became of a source file, and why', load: async () => (await import('./why.ts')).whyCommand() },
  config: { description: 'the settings in force and their files', load: async () => (await import('./config.ts')).configCommand() },
  'install-links': {
    description: 'make a directory of links named like compilers',
    load: async () => (await import('./install-links.ts')).installLinksCommand(),
  },
  stop: { description: 'end your agent', load: async () => (await import('./stop.ts')).stopCommand() },
  dev: { description: 'a throwaway farm on loopback', load: async () => (await import('./dev.ts')).devCommand() },
  options: { description: 'compiler options that wardcc knows', load: async () => (await import('./options.ts')).optionsCommand() },
  policy: {
    description: 'check, ask and compare policies',
    load: async () => (await import('./policy.ts')).policyCommand(),
    failure: 1,
  },
  audit: {
    description: 'verify and search decision logs',
    load: async () => (await import('./audit.ts')).auditCommand(),
    failure: 1,
  },
  certs: { description: 'the small certificate authority', load: async () => (await import('./certs.ts')).certsCommand() },
};

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

await main();
