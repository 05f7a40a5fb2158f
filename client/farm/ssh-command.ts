/**
 * The command line of `ssh` for one connection to a server's subsystem.
 *
 * What always holds: the server is who its host key says, checked strictly; nothing is asked of a person; nothing is forwarded to the
 * server; no connection is shared with other programs; no name can become an option.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { SshHost } from './hosts.ts';

export const SUBSYSTEM = 'wardcc';

/** The `ssh` of client.jsonc. Absolute paths. */
export interface SshConfig {
  /** A configuration file of ssh in place of the user's and the system's. */
  readonly config?: string;
  /** The only file in which host keys are looked up. */
  readonly knownHosts?: string;
  /** The only private key that is offered; a certificate beside it (`-cert.pub`) is offered too. */
  readonly identity?: string;
}

const settings = [
  'BatchMode=yes',
  'StrictHostKeyChecking=yes',
  'ClearAllForwardings=yes',
  'ForwardAgent=no',
  'ForwardX11=no',
  'GSSAPIDelegateCredentials=no',
  'PermitLocalCommand=no',
  'Tunnel=no',
  'ControlMaster=no',
  'ControlPath=none',
  'RequestTTY=no',
  'EscapeChar=none',
  'UpdateHostKeys=no',
  'ForkAfterAuthentication=no',
  'StdinNull=no',
  'SessionType=subsystem',
  'LogLevel=ERROR',
];

/** Nothing else says which host key is right. */
const noOtherHosts = ['GlobalKnownHostsFile=none', 'KnownHostsCommand=none', 'VerifyHostKeyDNS=no'];

/** In ssh's settings blanks end a file name and a percent sign begins a token. */
const file = (path: string): string => {
  if (/["\n]/.test(path)) {
    throw new WardError('config-invalid', `ssh cannot be given the file ${JSON.stringify(path)}: its name has a quote or a line break.`);
  }
  return `"${path.replaceAll('%', '%%')}"`;
};

/** Arguments for `ssh`. @throws WardError `config-invalid` */
export const sshArguments = (host: SshHost, { config, knownHosts, identity }: SshConfig, timeoutMs: number): string[] => {
  for (const name of [host.host, host.user ?? '']) {
    if (!name.startsWith('-')) continue;
    throw new WardError('config-invalid', `The name ${JSON.stringify(name)} begins with "-", which no host and no user does.`);
  }
  const chosen = [
    ...settings,
    `ConnectTimeout=${Math.max(1, Math.ceil(timeoutMs / 1000))}`,
    ...(knownHosts === undefined ? [] : [`UserKnownHostsFile=${file(knownHosts)}`, ...noOtherHosts]),
    ...(identity === undefined ? [] : [`IdentityFile=${file(identity)}`, 'IdentitiesOnly=yes', 'IdentityAgent=none']),
  ];
  return [
    ...(config === undefined ? [] : ['-F', config]),
    ...chosen.flatMap((setting) => ['-o', setting]),
    ...(host.port === undefined ? [] : ['-p', String(host.port)]),
    ...(host.user === undefined ? [] : ['-l', host.user]),
    '-s', '--', host.host, SUBSYSTEM,
  ];
};
