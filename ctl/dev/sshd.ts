/**
 * An sshd of its own in one directory, on a loopback port, with its own keys. Runs as an ordinary user, who is then the only one
 * that can log in, and touches nothing of the machine's own ssh.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { run } from './command.ts';
import { accepting } from './realm.ts';

export interface SshdOptions {
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly port: number;
  /** Lines for sshd_config before those that make it safe and self-contained, and stronger than them. */
  readonly lines?: readonly string[];
  /** Where sshd will see the directory, if it runs in another mount namespace. */
  readonly seenAt?: string;
}

export interface Sshd {
  readonly directory: string;
  readonly address: string;
  readonly port: number;
  /** Who logs in: the account that runs sshd. */
  readonly user: string;
  /** A private key that may log in. */
  readonly key: string;
  /** Arguments that make `ssh` use exactly this server, key and host key, and nothing of the person's own settings. */
  readonly clientArguments: readonly string[];
}

/** sshd_config takes quoted paths, in which a percent sign begins a token. */
export const quoted = (path: string): string => `"${path.replaceAll('%', '%%')}"`;

const configuration = (directory: string, address: string, port: number, lines: readonly string[]): string => [
  // Of two lines for one setting the first counts.
  ...lines,
  `Port ${port}`,
  `ListenAddress ${address}`,
  `HostKey ${quoted(join(directory, 'host_key'))}`,
  `AuthorizedKeysFile ${quoted(join(directory, 'authorized_keys'))}`,
  'PidFile none',
  'UsePAM no',
  'StrictModes no',
  'PasswordAuthentication no',
  'KbdInteractiveAuthentication no',
  'DisableForwarding yes',
  'PermitTTY no',
  'PermitUserRC no',
  'PermitUserEnvironment no',
  'ExposeAuthInfo yes',
  '',
].join('\n');

/** Writes keys and configuration. Nothing runs yet. */
export const createSshd = async (directory: string, { address = '127.0.0.1', port, lines = [], seenAt = directory }: SshdOptions): Promise<Sshd> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of ['host_key', 'user_key'].filter((key) => !existsSync(join(directory, key)))) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(directory, name)]);
  }
  await copyFile(join(directory, 'user_key.pub'), join(directory, 'authorized_keys'));
  await chmod(join(directory, 'authorized_keys'), 0o600);
  await writeFile(join(directory, 'sshd_config'), configuration(seenAt, address, port, lines));
  await writeFile(join(directory, 'known_hosts'), `[${address}]:${port} ${await readFile(join(directory, 'host_key.pub'), 'utf8')}`);
  const key = join(directory, 'user_key');
  const settings = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile="${join(directory, 'known_hosts')}"`,
    'GlobalKnownHostsFile=/dev/null',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
  ];
  return {
    directory,
    address,
    port,
    user: userInfo().username,
    key,
    clientArguments: ['-F', 'none', '-p', String(port), '-i', key, ...settings.flatMap((setting) => ['-o', setting])],
  };
};

/** The command that runs it in the foreground. */
export const sshdCommand = (directory: string): string[] =>
  ['/usr/sbin/sshd', '-D', '-f', join(directory, 'sshd_config'), '-E', join(directory, 'sshd.txt')];

export interface SshdStart {
  /** Default: `sshdCommand` as this user. */
  readonly command?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts it, detached, and waits until it accepts. Returns its process id. */
export const startSshd = async (sshd: Sshd, options: SshdStart = {}): Promise<number> => {
  const { command = sshdCommand(sshd.directory), env = process.env } = options;
  // Where Debian's unit would have made it; only a root's sshd looks for it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const daemon = spawn(command[0]!, command.slice(1), { env, stdio: 'ignore', detached: true });
  const died = new Promise<never>((_, reject) => {
    daemon.once('error', (error) => reject(new WardError('dev-failed', `sshd could not be started: ${error.message}`, { cause: error })));
    daemon.once('exit', (code) => reject(new WardError('dev-failed', `sshd ended at once (${code}): see ${sshd.directory}/sshd.txt`)));
  });
  died.catch(() => undefined);
  await Promise.race([died, accepting(sshd)]);
  daemon.unref();
  return daemon.pid!;
};
