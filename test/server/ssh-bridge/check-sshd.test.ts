import test from 'ava';
import { checkSshd, parseSshdSettings } from '../../../server/ssh-bridge/check-sshd.ts';

const good = `disableforwarding yes
exposeauthinfo yes
permittty no
permituserrc no
permituserenvironment no
permittunnel no
hostbasedauthentication no
passwordauthentication no
kbdinteractiveauthentication no
strictmodes yes
forcecommand /usr/bin/wardccd ssh-subsystem
subsystem sftp /usr/lib/openssh/sftp-server
subsystem wardcc /usr/bin/wardccd ssh-subsystem
`;

const found = (text: string): string[] => checkSshd(parseSshdSettings(text)).map(({ grade, remedy }) => `${grade} ${remedy}`);

test('the settings that the bridge needs are in order', (t) => {
  t.deepEqual(found(good), []);
});

const rows: readonly (readonly [line: string, instead: string, finding: string])[] = [
  ['disableforwarding yes', 'disableforwarding no', 'FAIL DisableForwarding yes'],
  ['exposeauthinfo yes', 'exposeauthinfo no', 'FAIL ExposeAuthInfo yes'],
  ['exposeauthinfo yes\n', '', 'FAIL ExposeAuthInfo yes'],
  ['permittty no', 'permittty yes', 'FAIL PermitTTY no'],
  ['permituserrc no', 'permituserrc yes', 'FAIL PermitUserRC no'],
  ['permituserenvironment no', 'permituserenvironment LANG,LD_*', 'FAIL PermitUserEnvironment no'],
  ['permittunnel no', 'permittunnel point-to-point', 'FAIL PermitTunnel no'],
  ['forcecommand /usr/bin/wardccd ssh-subsystem', 'forcecommand none', 'FAIL ForceCommand /usr/bin/wardccd ssh-subsystem'],
  ['forcecommand /usr/bin/wardccd', 'forcecommand /bin/true; /usr/bin/wardccd', 'FAIL ForceCommand /usr/bin/wardccd ssh-subsystem'],
  ['/usr/bin/wardccd ssh-subsystem\nsubsystem sftp', '/usr/bin/wardccd ssh-subsystem; sh\nsubsystem sftp', 'FAIL ForceCommand /usr/bin/wardccd ssh-subsystem'],
  ['/usr/bin/wardccd ssh-subsystem\nsubsystem sftp', '/usr/bin/wardccd ssh-subsystem $SSH_ORIGINAL_COMMAND\nsubsystem sftp', 'FAIL ForceCommand /usr/bin/wardccd ssh-subsystem'],
  ['forcecommand /usr/bin/wardccd', 'forcecommand wardccd', 'FAIL ForceCommand /usr/bin/wardccd ssh-subsystem'],
  ['subsystem wardcc ', 'subsystem wardcc2 ', 'FAIL Subsystem wardcc /usr/bin/wardccd ssh-subsystem'],
  ['permittty no', 'permittty no\nacceptenv LANG\nacceptenv *', 'FAIL no AcceptEnv line that counts for this account'],
  ['permittty no', 'permittty no\nacceptenv SSH_USER_AUTH', 'FAIL no AcceptEnv line that counts for this account'],
  ['permittty no', 'permittty no\nacceptenv NODE_OPTIONS LANG', 'FAIL no AcceptEnv line that counts for this account'],
  ['permittty no', 'permittty no\nacceptenv LANG LC_*', 'CAUTION no AcceptEnv line that counts for this account'],
  ['permittty no', 'permittty no\nsetenv A=B', 'CAUTION no SetEnv line that counts for this account'],
  ['passwordauthentication no', 'passwordauthentication yes', 'CAUTION PasswordAuthentication no'],
  ['kbdinteractiveauthentication no', 'kbdinteractiveauthentication yes', 'CAUTION KbdInteractiveAuthentication no'],
  ['hostbasedauthentication no', 'hostbasedauthentication yes', 'CAUTION HostbasedAuthentication no'],
  ['strictmodes yes', 'strictmodes no', 'CAUTION StrictModes yes'],
];

for (const [line, instead, finding] of rows) {
  test(`"${instead.replaceAll('\n', ' / ') || `no ${line.trim()}`}" is found`, (t) => {
    t.true(good.includes(line));
    t.deepEqual(found(good.replace(line, instead)), [finding]);
  });
}

test('the bridge may be told its socket, in quotes that keep a path with blanks together', (t) => {
  for (const command of ["'/opt/ward cc/bin/wardccd' 'ssh-subsystem' '--socket' '/run/ward cc/ssh.sock'", '/usr/bin/wardccd ssh-subsystem --socket /run/wardcc/front/ssh.sock']) {
    t.deepEqual(found(good.replace('/usr/bin/wardccd ssh-subsystem\nsubsystem sftp', `${command}\nsubsystem sftp`)), [], command);
  }
});
