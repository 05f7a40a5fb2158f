/**
 * The settings under which sshd starts the bridge. Whoever could forward a socket through that account, or bring an environment into it, would be
 * every committer: so they are asked of sshd itself, for that account, whatever its files say.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { caution, fail, pass, type Finding } from './finding.ts';

const wanted: Readonly<Record<string, string>> = Object.freeze({
  disableforwarding: 'yes',
  permittty: 'no',
  permituserrc: 'no',
  permituserenvironment: 'no',
  exposeauthinfo: 'yes',
});

/** The names as they are written in sshd_config. */
const written: Readonly<Record<string, string>> = Object.freeze({
  disableforwarding: 'DisableForwarding',
  permittty: 'PermitTTY',
  permituserrc: 'PermitUserRC',
  permituserenvironment: 'PermitUserEnvironment',
  exposeauthinfo: 'ExposeAuthInfo',
});

/** What is wrong with the effective settings that `sshd -T` prints, as the lines that belong into sshd_config. Empty: nothing. */
export const sshdMistakes = (effective: string): string[] => {
  const settings = new Map<string, string[]>();
  for (const line of effective.split('\n')) {
    const [, name, value] = /^(\S+) ?(.*)$/.exec(line.trim()) ?? [];
    if (name !== undefined) settings.set(name.toLowerCase(), [...(settings.get(name.toLowerCase()) ?? []), value ?? '']);
  }
  const mistakes = Object.entries(wanted).filter(([name, value]) => settings.get(name)?.join() !== value).map(([name, value]) => `${written[name]} ${value}`);
  if (!/\bwardccd\b.*\bssh-subsystem\b/.test(settings.get('forcecommand')?.[0] ?? '')) mistakes.push('ForceCommand /usr/bin/wardccd ssh-subsystem');
  const environment = (settings.get('acceptenv') ?? []).filter((pattern) => pattern !== '');
  if (environment.length > 0) mistakes.push(`no AcceptEnv (now: ${environment.join(' ')})`);
  if (!['', 'none', undefined].includes(settings.get('setenv')?.[0])) mistakes.push('no SetEnv');
  return mistakes;
};

/** @param file an sshd_config instead of the machine's own */
export const probeSshd = (user: string, file?: string): Finding => {
  const probe = 'sshd settings';
  const asked = spawnSync('/usr/sbin/sshd', ['-T', '-C', `user=${user},host=localhost,addr=127.0.0.1`, ...(file === undefined ? [] : ['-f', file])], { encoding: 'utf8', timeout: 10_000 });
  if (asked.status !== 0) {
    const said = asked.error?.message ?? asked.stderr.trim().split('\n')[0];
    return caution(probe, `sshd could not be asked for its settings (${said}).`, 'Run this as root; openssh-server must be installed.');
  }
  const mistakes = sshdMistakes(asked.stdout);
  if (mistakes.length === 0) return pass(probe, `for ${user}: no forwarding, no terminal, no environment, and the bridge as the only command`);
  return fail(probe, `For ${user} sshd has other settings than the bridge needs: missing are ${mistakes.join('; ')}.`, `Put them under "Match User ${user}" in sshd_config (AcceptEnv above it), and restart sshd.`);
};
