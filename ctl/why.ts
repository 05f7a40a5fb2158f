/**
 * `wardctl why FILE`: what became of a source file when it was last compiled, and why.
 *
 * @module
 */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { askAgent } from '../client/agent/client.ts';
import { print, printJson, printable } from './output.ts';

export const whyCommand = (): Command =>
  new Command('why')
    .description('what became of a source file, and why')
    .argument('<file>', 'a source file')
    .option('--json', 'for scripts')
    .action(async (file: string, options: { json?: boolean }) => {
      const decision = (await askAgent({ command: 'why', file: resolve(file) }))?.decision;
      if (decision === undefined) process.exitCode = 1;
      if (options.json === true) return printJson(decision ?? null);
      if (decision === undefined) return print(`${file}: not compiled with wardcc since the agent started.`);
      const where = decision.server === undefined ? '' : ` on ${printable(decision.server)}`;
      const reason = decision.reason === undefined ? '' : `, ${decision.reason}`;
      print(`${file}: ${decision.how}${where}${reason}, ${Math.round(decision.ms)} ms, ${new Date(decision.at).toLocaleTimeString()}`);
      if (decision.message !== undefined) print(printable(decision.message.trim()));
    });
