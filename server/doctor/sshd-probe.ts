/**
 * The settings under which sshd starts the bridge, asked of sshd itself for the bridge's account, whatever its files say.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { checkSshd, parseSshdSettings } from '../ssh-bridge/check-sshd.ts';
import { caution, fail, pass, type Finding } from './finding.ts';

const probe = 'sshd settings';

/** One finding for each wrong setting, or that all is well. @param file an sshd_config instead of the machine's own */
export const probeSshd = (user: string, file?: string): Finding[] => {
  const args = ['-T', '-C', `user=${user},host=localhost,addr=127.0.0.1`, ...(file === undefined ? [] : ['-f', file])];
  const asked = spawnSync('/usr/sbin/sshd', args, { encoding: 'utf8', timeout: 10_000 });
  if (asked.status !== 0) {
    const said = asked.error?.message ?? asked.stderr.trim().split('\n')[0];
    return [caution(probe, `sshd could not be asked for its settings (${said}).`, 'Run this as root; openssh-server must be installed.')];
  }
  const findings = checkSshd(parseSshdSettings(asked.stdout));
  if (findings.length === 0)
    return [pass(probe, `for ${user}: no forwarding, no terminal, no environment, and the bridge as the only command`)];
  return findings.map(({ grade, says, remedy }) => {
    const todo = `In sshd_config, under "Match User ${user}" where it may stand there: ${remedy}`;
    return grade === 'FAIL' ? fail(probe, says, todo) : caution(probe, says, todo);
  });
};
