/**
 * `wardctl whoami`: who the servers say this user is. Connects if need be.
 *
 * @module
 */
import { Command } from 'commander';
import { askAgent, choosingVariables } from '../client/agent/client.ts';
import { print, printJson, printable, table } from './output.ts';

export const whoamiCommand = (): Command =>
  new Command('whoami')
    .description('who the servers say you are')
    .option('--json', 'for scripts')
    .action(async (options: { json?: boolean }) => {
      const answer = (await askAgent({ command: 'whoami', env: choosingVariables(process.env) }, { start: true }))!;
      if (options.json === true) return printJson(answer);
      print(table([
        ['principal', printable(answer.principal)],
        ['committer', printable(answer.committer)],
        ...(answer.because === undefined ? [] : [['because', printable(answer.because)]]),
        ['mechanism', answer.mechanism],
        ['server', printable(answer.server)],
        ['until', answer.expires === 0 ? 'no end of its own' : new Date(answer.expires).toLocaleString()],
      ]));
    });
