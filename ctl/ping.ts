/**
 * `wardctl ping`: through handshake and session to each server and back.
 *
 * @module
 */
import { Command } from 'commander';
import { askAgent, choosingVariables } from '../client/agent/client.ts';
import { print, printJson, printable, table } from './output.ts';

export const pingCommand = (): Command =>
  new Command('ping')
    .description('the way to each server and back')
    .option('--json', 'for scripts')
    .action(async (options: { json?: boolean }) => {
      const { servers } = (await askAgent({ command: 'ping', env: choosingVariables(process.env) }, { start: true }))!;
      if (options.json === true) printJson({ servers });
      else if (servers.length === 0) print('No server is configured: name some in client.jsonc or WARDCC_HOSTS.');
      else {
        print(table(servers.map((server) => [
          server.server,
          server.error === undefined ? `${(server.ms ?? 0).toFixed(1)} ms` : `${printable(server.error.message)} [${server.error.code}]`,
        ])));
      }
      if (!servers.some((server) => server.error === undefined)) process.exitCode = 116;
    });
