import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { startSshd } from '../../fixtures/sshd.ts';

const execute = promisify(execFile);

test('an sshd in a directory with a space lets its own key in, and says what it verified', async (t) => {
  const sshd = await startSshd(t);
  const { stdout } = await execute('ssh', [...sshd.clientArguments, '--', `${sshd.user}@127.0.0.1`, 'cat "$SSH_USER_AUTH"']);
  t.regex(stdout, /^publickey ssh-ed25519 /);
});

test('an sshd refuses everybody without that key, and a client that expects another host key refuses the sshd', async (t) => {
  const [one, other] = await Promise.all([startSshd(t), startSshd(t)]);
  const withKey = (key: string) => one.clientArguments.map((argument) => (argument === one.key ? key : argument));
  await t.throwsAsync(execute('ssh', [...withKey(other.key), '--', `${one.user}@127.0.0.1`, 'true']), { message: /Permission denied \(publickey\)/ });
  const elsewhere = one.clientArguments.map((argument) => argument.replace(one.directory, other.directory));
  await t.throwsAsync(execute('ssh', [...elsewhere, '--', `${one.user}@127.0.0.1`, 'true']), { message: /Host key verification failed/ });
});

test('lines of a test reach sshd_config', async (t) => {
  const sshd = await startSshd(t, ['ForceCommand echo forced']);
  const { stdout } = await execute('ssh', [...sshd.clientArguments, '--', `${sshd.user}@127.0.0.1`, 'true']);
  t.is(stdout, 'forced\n');
});
