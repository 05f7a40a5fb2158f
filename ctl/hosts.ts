/**
 * `wardctl hosts`: the servers the agent knows, and what it thinks of each.
 *
 * @module
 */
import { Command } from 'commander';
import { askAgent, choosingVariables } from '../client/agent/client.ts';
import { print, printJson, printable, table } from './output.ts';

export const hostsCommand = (): Command =>
  new Command('hosts')
    .description('servers and their state')
    .option('--json', 'for scripts')
    .action(async (options: { json?: boolean }) => {
      const { hosts } = (await askAgent({ command: 'hosts', env: choosingVariables(process.env) }, { start: true }))!;
      if (options.json === true) return printJson({ hosts });
      if (hosts.length === 0) return print('No server is configured: name some in client.jsonc or WARDCC_HOSTS.');
      const rows = hosts.map((host) => [
        host.name,
        host.state,
        host.slots === undefined ? '' : `${host.running ?? 0}/${host.slots}`,
        host.principal ?? '',
        host.reason === undefined ? '' : `${host.reason}${host.message === undefined ? '' : `: ${printable(host.message)}`}`,
      ]);
      print(table([['SERVER', 'STATE', 'JOBS', 'AS', ''], ...rows]));
    });
