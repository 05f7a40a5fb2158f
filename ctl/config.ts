/**
 * `wardctl config`: the settings that a compile started here and now would have, and the files that they come from.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { loadClientConfig, withEnvironment, type ClientConfig, type LockableSetting } from '../client/config.ts';
import { print, printJson, table } from './output.ts';

/** As client.jsonc writes them. */
const hostsOf = ({ servers, domains = [] }: ClientConfig): string[] => [...servers.map(({ name }) => name), ...domains.map((domain) => `srv:${domain}`)];

/** As JSON: the keys of client.jsonc, paths absolute. */
const asJson = (config: ClientConfig): object => ({
  ...config,
  servers: undefined,
  hosts: hostsOf(config),
  farm: config.farm === undefined ? undefined : { file: config.farm.file, serial: config.farm.serial, epoch: config.farm.epoch, problem: config.farm.problem },
  locked: [...config.locked],
});

export const configCommand = (): Command =>
  new Command('config')
    .description('the settings in force, and where they come from')
    .option('--json', 'for scripts')
    .action(async (options: { json?: boolean }) => {
      const config = withEnvironment(await loadClientConfig(process.env), process.env);
      if (options.json === true) return printJson(asJson(config));
      const locked = (setting: LockableSetting): string => (config.locked.has(setting) ? '(locked by the system)' : '');
      print(table([
        ['hosts', hostsOf(config).join(' ') || 'none: everything is compiled here', locked('hosts')],
        ['trusted CA', config.trust.ca ?? 'none', locked('trust')],
        ['revocation list', config.trust.crl ?? 'none'],
        ['trusted servers', config.trust.servers.join(' ') || 'none'],
        ...(config.farm === undefined ? [] : [['farm file', `${config.farm.file}, serial ${config.farm.serial}`, config.farm.problem ?? '']]),
        ['certificate', config.credentials.cert, locked('credentials')],
        ['key', config.credentials.key],
        ...Object.entries(config.ssh).map(([name, path]) => [`ssh ${name}`, path, locked('ssh')]),
        ['mechanisms', config.mechanisms.join(' '), locked('mechanisms')],
        ['fallback', config.fallback, locked('fallback')],
        ['project', config.project, locked('project')],
        ['local slots', config.localSlots === undefined ? 'one a core' : String(config.localSlots), locked('localSlots')],
        ['verify', `${config.verify * 100} % of jobs are compiled twice`, locked('verify')],
        ...config.files.map((file) => ['file', file, existsSync(file) ? '' : '(absent)']),
      ]));
    });
