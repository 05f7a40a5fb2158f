import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { probeSshd, sshdMistakes } from '../../../server/doctor/sshd-probe.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const good = 'disableforwarding yes\npermittty no\npermituserrc no\npermituserenvironment no\nexposeauthinfo yes\nforcecommand /usr/bin/wardccd ssh-subsystem\n';

test('the settings that the bridge needs are no mistakes', (t) => {
  t.deepEqual(sshdMistakes(good), []);
});

for (const [line, instead, mistake] of [
  ['disableforwarding yes', 'disableforwarding no', 'DisableForwarding yes'],
  ['permittty no', 'permittty yes', 'PermitTTY no'],
  ['permituserrc no', 'permituserrc yes', 'PermitUserRC no'],
  ['permituserenvironment no', 'permituserenvironment LANG,LD_*', 'PermitUserEnvironment no'],
  ['exposeauthinfo yes', 'exposeauthinfo no', 'ExposeAuthInfo yes'],
  ['forcecommand /usr/bin/wardccd ssh-subsystem', 'forcecommand none', 'ForceCommand /usr/bin/wardccd ssh-subsystem'],
  ['permittty no', 'permittty no\nacceptenv LANG\nacceptenv LC_*', 'no AcceptEnv (now: LANG LC_*)'],
  ['permittty no', '', 'PermitTTY no'],
] as const) {
  test(`"${instead.replaceAll('\n', ' / ')}" is a mistake`, (t) => {
    t.deepEqual(sshdMistakes(good.replace(line, instead)), [mistake]);
  });
}

test('a real sshd is asked for the settings of that account', async (t) => {
  const directory = await temporaryDirectory(t);
  const key = join(directory, 'host_key');
  t.is(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]).status, 0);
  const file = join(directory, 'sshd_config');
  const lines = ['DisableForwarding yes', 'PermitTTY no', 'PermitUserRC no', 'ExposeAuthInfo yes', 'ForceCommand /usr/bin/wardccd ssh-subsystem'];
  writeFileSync(file, `HostKey "${key}"\nMatch User wardcc-bridge\n${lines.join('\n')}\n`);
  t.deepEqual(probeSshd('wardcc-bridge', file), { probe: 'sshd settings', grade: 'PASS', says: 'for wardcc-bridge: no forwarding, no terminal, no environment, and the bridge as the only command' });
  const other = probeSshd('somebody', file);
  t.is(other.grade, 'FAIL');
  t.regex(other.says, /DisableForwarding yes; PermitTTY no/);
  t.is(probeSshd('x', join(directory, 'missing')).grade, 'CAUTION');
});
