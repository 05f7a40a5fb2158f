import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { probeSshd } from '../../../server/doctor/sshd-probe.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('a real sshd is asked for the settings of that account', async (t) => {
  const directory = await temporaryDirectory(t);
  const key = join(directory, 'host_key');
  t.is(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]).status, 0);
  const file = join(directory, 'sshd_config');
  const lines = [
    'DisableForwarding yes',
    'PermitTTY no',
    'PermitUserRC no',
    'ExposeAuthInfo yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'ForceCommand /usr/bin/wardccd ssh-subsystem',
  ];
  writeFileSync(file, `HostKey "${key}"\nSubsystem wardcc /usr/bin/wardccd ssh-subsystem\nMatch User wardcc-bridge\n${lines.join('\n')}\n`);
  t.deepEqual(probeSshd('wardcc-bridge', file), [
    {
      probe: 'sshd settings',
      grade: 'PASS',
      says: 'for wardcc-bridge: no forwarding, no terminal, no environment, and the bridge as the only command',
    },
  ]);
  const [first, ...others] = probeSshd('somebody', file);
  t.like(first, {
    grade: 'FAIL',
    says: 'Nothing forces the bridge: who logs in may run any command as its account, and so be every committer.',
  });
  t.true(others.some(({ remedy }) => remedy?.endsWith('DisableForwarding yes')));
  t.is(probeSshd('x', join(directory, 'missing'))[0]?.grade, 'CAUTION');
});
