/**
 * Connections over SSH, through the real ssh and a real sshd: what is told when there is none, and what is left when one ends.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { parseHost, type SshHost } from '../../../client/farm/hosts.ts';
import { sshArguments } from '../../../client/farm/ssh-command.ts';
import { freePort } from '../../../ctl/dev/ports.ts';
import { WardError } from '../../../protocol/errors.ts';
import { openDoor, type SshDoor } from '../../fixtures/ssh-door.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const makeKey = (file: string, passphrase = ''): string => {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', file]);
  return file;
};

test.serial('a server with another host key than the known one is not believed; the sentence says where the known one stands', async (t) => {
  const door = await openDoor(t);
  const directory = await temporaryDirectory(t);
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(knownHosts, `# a comment\n[127.0.0.1]:${door.sshd.port} ${readFileSync(`${makeKey(join(directory, 'other'))}.pub`, 'utf8')}`);
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, knownHosts } }), {
    instanceOf: WardError, code: 'server-untrusted',
    message: `The server ${door.host.name} has another host key than the one that is known (${knownHosts}:2): it was installed anew, or somebody stands in between. Ask its administrator before you remove the old key.`,
  });
  t.deepEqual(door.logins, []);
});

test.serial('a server whose host key is not known is not believed, and nobody is asked', async (t) => {
  const door = await openDoor(t);
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, knownHosts: '/dev/null' } }), { instanceOf: WardError, code: 'server-untrusted', message: /is not in the known hosts\. Get its host key from its administrator/ });
});

test.serial('a key that may not log in, and one that needs a passphrase, are refused with what to try', async (t) => {
  const door = await openDoor(t);
  const directory = await temporaryDirectory(t);
  for (const identity of [makeKey(join(directory, 'unknown')), makeKey(join(directory, 'locked'), 'a passphrase'), join(directory, 'missing')]) {
    await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity } }), {
      instanceOf: WardError, code: 'ssh-refused',
      message: `The server ${door.host.name} refuses the login (it accepts publickey). "ssh-add -l" shows the keys of your agent; "ssh -p ${door.sshd.port} ${door.sshd.user}@127.0.0.1" must work without a question.`,
    });
  }
});

test.serial('an sshd without the subsystem is told from a server that cannot be reached', async (t) => {
  const door = await openDoor(t, { bridge: 'none' });
  await t.throwsAsync(door.connect(), { instanceOf: WardError, code: 'connect-failed', message: /lets you log in but has no subsystem wardcc for this account\./ });
});

test.serial('a bridge that finds no front says so to the client', async (t) => {
  const door = await openDoor(t);
  rmSync(door.socket);
  await t.throwsAsync(door.connect(), {
    instanceOf: WardError, code: 'connect-failed',
    message: `The server ${door.host.name} says: The compile server on this machine does not run, or does not take SSH connections.`,
  });
});

const nowhere = (text: string): SshHost => parseHost(text) as SshHost;

test.serial('nobody who listens, a name that nobody has, and a configuration that ssh refuses have a sentence each', async (t) => {
  const door = await openDoor(t, { bridge: 'none' });
  const port = await freePort();
  await t.throwsAsync(door.connect({ host: nowhere(`ssh://127.0.0.1:${port}`) }), { code: 'connect-failed', message: `The server ssh://127.0.0.1:${port} cannot be reached: nothing listens there.` });
  await t.throwsAsync(door.connect({ host: nowhere('ssh://nowhere.invalid') }), { code: 'connect-failed', message: 'The server ssh://nowhere.invalid cannot be reached: its name is unknown.' });
  const config = join(await temporaryDirectory(t), 'config');
  writeFileSync(config, 'Nonsense yes\n');
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, config } }), { code: 'config-invalid', message: /cannot be asked, because ssh refuses its configuration: .*: Bad configuration option: nonsense\.$/ });
});

test.serial('a peer that says nothing is given up when the time is over', async (t) => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => silent.close());
  const door = await openDoor(t, { bridge: 'none' });
  const { port } = silent.address() as AddressInfo;
  const begun = Date.now();
  await t.throwsAsync(door.connect({ host: nowhere(`ssh://127.0.0.1:${port}`), signal: AbortSignal.timeout(700) }), {
    instanceOf: WardError, code: 'connect-failed', message: `The server ssh://127.0.0.1:${port} cannot be reached over SSH: it does not answer.`,
  });
  t.true(Date.now() - begun < 10_000);
});

/** Processes that carry a connection to this door: ssh here, the bridge there. */
const carriers = (door: SshDoor): number[] =>
  readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map(Number).filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return command.includes(join(door.sshd.directory, 'known_hosts')) || command.includes(door.socket);
    } catch {
      return false;
    }
  });

const untilNone = async (door: SshDoor): Promise<boolean> => {
  for (let tries = 0; tries < 1200 && carriers(door).length > 0; tries++) await new Promise((resolve) => setTimeout(resolve, 25));
  return carriers(door).length === 0;
};

test.serial('what carried a session ends with it, whoever ends it', async (t) => {
  const door = await openDoor(t);
  const first = await door.connect();
  t.true(carriers(door).length > 0);
  first.channel.close();
  t.true(await untilNone(door), 'after the client closed');

  const second = await door.connect();
  const ssh = carriers(door).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/usr/bin/ssh\0'));
  process.kill(ssh!, 'SIGKILL');
  t.is((await second.channel.closed)?.code, 'session-lost');
  t.true(await untilNone(door), 'after ssh died');
});

test('ssh is told to check strictly, to ask nobody, to forward nothing and to share nothing', (t) => {
  const args = sshArguments(parseHost('ssh://wardcc@[2001:db8::1]:2222/4') as SshHost, { config: '/etc/a b/ssh_config', knownHosts: '/etc/a b/50%', identity: '/home/x/key' }, 9_500);
  const settings = args.flatMap((word, index) => (args[index - 1] === '-o' ? [word] : []));
  for (const setting of [
    'BatchMode=yes', 'StrictHostKeyChecking=yes', 'ClearAllForwardings=yes', 'ForwardAgent=no', 'ForwardX11=no', 'ControlMaster=no', 'ControlPath=none',
    'PermitLocalCommand=no', 'ConnectTimeout=10', 'UserKnownHostsFile="/etc/a b/50%%"', 'GlobalKnownHostsFile=none', 'IdentityFile="/home/x/key"', 'IdentitiesOnly=yes',
  ]) t.true(settings.includes(setting), setting);
  t.deepEqual(args.slice(0, 2), ['-F', '/etc/a b/ssh_config']);
  t.deepEqual(args.slice(-8), ['-p', '2222', '-l', 'wardcc', '-s', '--', '2001:db8::1', 'wardcc']);
});

test('a file name that ssh could not be told is refused', (t) => {
  for (const knownHosts of ['/a"b', '/a\nb']) {
    t.throws(() => sshArguments(parseHost('ssh://host') as SshHost, { knownHosts }, 1000), { instanceOf: WardError, code: 'config-invalid' });
  }
});
