/**
 * What somebody may try who can log in to the bridge's account, or who is a user of the server's machine.
 *
 * One at a time: each has an sshd of its own.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseSshKey, sshFingerprint } from '../../../certs/openssh/key.ts';
import { parseHost, type SshHost } from '../../../client/farm/hosts.ts';
import { WardError } from '../../../protocol/errors.ts';
import { checkSshd, parseSshdSettings } from '../../../server/ssh-bridge/check-sshd.ts';
import { encodePreface } from '../../../server/ssh-bridge/preface.ts';
import { readLine } from '../../certs/openssh/keys.ts';
import { execute, start, type Ended, type Running } from '../../fixtures/command.ts';
import { openDoor, upgradeRequest, type SshDoor } from '../../fixtures/ssh-door.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const fingerprintOf = (door: SshDoor): string => sshFingerprint(parseSshKey(readLine(`${door.sshd.key}.pub`)).blob);
const effective = (door: SshDoor): string => {
  const who = `user=${userInfo().username},host=localhost,addr=127.0.0.1`;
  const asked = ['-T', '-C', who, '-f', join(door.sshd.directory, 'sshd_config')];
  const { stdout, stderr, status } = spawnSync('/usr/sbin/sshd', asked, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
};
const failures = (door: SshDoor): string[] =>
  checkSshd(parseSshdSettings(effective(door))).filter(({ grade }) => grade === 'FAIL').map(({ setting }) => setting);

const bounded = { env: process.env, timeoutMs: 20_000 };

/** Asks sshd to forward a socket here to the front's. */
const forward = ({ sshd: { clientArguments, user }, socket }: SshDoor, local: string): Running =>
  start(['ssh', ...clientArguments, '-N', '-L', `${local}:${socket}`, '--', `${user}@127.0.0.1`], bounded);

/** Says something to a socket and waits for what comes back until the other side hangs up. */
const exchange = (path: string, bytes: Buffer): Promise<string> =>
  new Promise((resolve) => {
    let answer = '';
    const socket = connect(path, () => socket.write(bytes));
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(answer));
  });

const aliceByTicket = { address: '10.0.0.1', methods: [{ method: 'gssapi-with-mic', value: 'alice@CORP.EXAMPLE' }] };
const forged = (): Buffer => Buffer.concat([encodePreface(aliceByTicket), Buffer.from(upgradeRequest)]);

test.serial('whoever is not the bridge\'s account is cut off before a byte was looked at, whatever preface they forge', async (t) => {
  const door = await openDoor(t, { bridge: 'none', bridgeUid: process.geteuid!() + 1 });
  t.is(await exchange(door.socket, forged()), '');
  t.deepEqual(door.refused, ['not the account of the SSH bridge']);
  t.deepEqual([door.logins, door.seen], [[], []]);
});

for (const [what, bytes] of [
  ['no preface', Buffer.from(upgradeRequest)],
  ['a preface of no length', Buffer.from('WSB1\0\0\0\0')],
  ['a preface of four gigabytes', Buffer.from('WSB1\xff\xff\xff\xff', 'latin1')],
  ['a preface that is no JSON', Buffer.from('WSB1\0\0\0\x02{]')],
  ['a preface of null', Buffer.from('WSB1\0\0\0\x04null')],
  ['a preface with a method that is a number', Buffer.from('WSB1\0\0\0\x22{"address":"","methods":[{"a":1}]} ')],
] as const) {
  test.serial(`a connection with ${what} is closed`, async (t) => {
    const door = await openDoor(t, { bridge: 'none' });
    t.is(await exchange(door.socket, bytes), '');
    t.deepEqual([door.refused, door.logins], [['protocol-violation'], []]);
  });
}

test.serial('over the bridge a request with an Origin header, and one for another protocol, is refused', async (t) => {
  const door = await openDoor(t, { bridge: 'none' });
  const preface = encodePreface({ address: '10.0.0.1', methods: [] });
  const ask = (request: string): Promise<string> => exchange(door.socket, Buffer.concat([preface, Buffer.from(request)]));
  t.regex(await ask(upgradeRequest.replace('Host: x', 'Host: x\r\nOrigin: http://evil.example')), /^HTTP\/1\.1 403 /);
  t.regex(await ask(upgradeRequest.replace('wardcc.1', 'chat')), /^HTTP\/1\.1 400 /);
  t.deepEqual(door.logins, []);
});

test.serial('the bridge\'s settings forward no socket and no port, and forbid a terminal and other commands', async (t) => {
  const door = await openDoor(t);
  const { clientArguments, user } = door.sshd;
  const local = join(await temporaryDirectory(t), 'forwarded.sock');
  const ssh = (...args: string[]): Promise<Ended> => execute(['ssh', ...clientArguments, '-o', 'LogLevel=ERROR', ...args], bounded);
  const forwarding = forward(door, local);
  while (!existsSync(local)) await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(await exchange(local, forged()), '');
  forwarding.signal('SIGKILL');
  t.regex((await forwarding.ended).stderr, /open failed/);
  t.deepEqual(door.logins, []);
  t.is((await ssh('--', `${user}@127.0.0.1`, 'echo a shell')).stdout, '');
  t.regex((await ssh('-tt', '--', `${user}@127.0.0.1`)).stderr, /PTY allocation request failed/);
  t.deepEqual(failures(door), []);
});

test.serial('with forwarding left on the front\'s socket is open to all who may log in: doctor finds that', async (t) => {
  const door = await openDoor(t, { lines: ['DisableForwarding no', 'AllowStreamLocalForwarding yes'] });
  const local = join(await temporaryDirectory(t), 'forwarded.sock');
  const forwarding = forward(door, local);
  while (!existsSync(local)) await new Promise((resolve) => setTimeout(resolve, 20));
  void exchange(local, forged());
  while (door.logins.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  // This is why the setting is checked: sshd itself connects, as the bridge's account.
  t.is(door.logins[0]?.methods[0]?.value, 'alice@CORP.EXAMPLE');
  forwarding.signal('SIGKILL');
  await forwarding.ended;
  t.deepEqual(failures(door), ['DisableForwarding']);
});

test.serial('a forced command of a key does not count where sshd forces the bridge', async (t) => {
  const door = await openDoor(t);
  const keys = join(door.sshd.directory, 'authorized_keys');
  writeFileSync(keys, `command="echo something else" ${readFileSync(keys, 'utf8')}`);
  t.is((await door.connect()).welcome.principal, `ssh:${fingerprintOf(door)}`);
});

test.serial('a forced command of a key that takes the bridge\'s place is told from a server', async (t) => {
  const door = await openDoor(t, { bridge: 'subsystem' });
  t.is((await door.connect()).welcome.principal, `ssh:${fingerprintOf(door)}`);
  const keys = join(door.sshd.directory, 'authorized_keys');
  writeFileSync(keys, `command="echo something else" ${readFileSync(keys, 'utf8')}`);
  await t.throwsAsync(door.connect(), {
    instanceOf: WardError, code: 'connect-failed', message: /cannot be reached over SSH: something else\.$/,
  });
  t.deepEqual(failures(door), ['ForceCommand']);
});

test.serial('another account than the bridge\'s does not let in', async (t) => {
  const door = await openDoor(t);
  await t.throwsAsync(door.connect({ host: { ...door.host, user: 'nobody-of-that-name' } }), {
    instanceOf: WardError, code: 'ssh-refused', message: /refuses the login/,
  });
  t.deepEqual(door.logins, []);
});

test.serial('variables that a client sends do not reach the bridge, even where sshd takes all', async (t) => {
  const directory = await temporaryDirectory(t);
  const door = await openDoor(t, { lines: ['AcceptEnv *'] });
  const trace = join(directory, 'trace');
  writeFileSync(join(directory, 'evil.cjs'), `require('fs').writeFileSync(${JSON.stringify(trace)}, 'I was here')`);
  const config = join(directory, 'ssh_config');
  const smuggled = [
    `NODE_OPTIONS="--require=${directory.replaceAll(' ', '\\\\ ')}/evil.cjs"`,
    'SSH_USER_AUTH=/tmp/sshauth.AAAAAAAAAAAAAAA',
    'SSH_CONNECTION=6.6.6.6',
    'NODE_DEBUG=net',
    'PATH=/nowhere',
  ];
  writeFileSync(config, `SetEnv ${smuggled.join(' ')}\n`);
  t.is((await door.connect({ ssh: { ...door.ssh, config } })).welcome.principal, `ssh:${fingerprintOf(door)}`);
  t.is(door.logins[0]?.address, '127.0.0.1');
  t.false(existsSync(trace));
  t.deepEqual(failures(door), ['AcceptEnv']);
});

test.serial('without ExposeAuthInfo nobody is named, not even by a variable of the client', async (t) => {
  const directory = await temporaryDirectory(t);
  const door = await openDoor(t, { lines: ['ExposeAuthInfo no', 'AcceptEnv *'] });
  await t.throwsAsync(door.connect(), {
    instanceOf: WardError, code: 'ssh-refused',
    message: /says: sshd does not say whom it verified: its configuration needs "ExposeAuthInfo yes" for this account\.$/,
  });
  const forgery = join(directory, 'forgery');
  writeFileSync(forgery, 'gssapi-with-mic alice@CORP.EXAMPLE\n', { mode: 0o600 });
  const config = join(directory, 'ssh_config');
  writeFileSync(config, `SetEnv SSH_USER_AUTH="${forgery}"\n`);
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, config } }), {
    code: 'ssh-refused', message: /says: SSH_USER_AUTH names a file that sshd does not make\.$/,
  });
  t.deepEqual(door.logins, []);
  t.deepEqual(failures(door), ['ExposeAuthInfo', 'AcceptEnv']);
});

for (const text of [
  'ssh://-oProxyCommand=id', 'ssh://-l@host', 'ssh://a@-oProxyCommand=id', 'ssh://a@', 'ssh://a b@host', 'ssh://host:22:22',
  'ssh://$(id)@host', 'ssh://host;id', 'ssh://host%0a',
]) {
  test.serial(`"${text}" is no host`, (t) => {
    t.throws(() => parseHost(text), { instanceOf: WardError, code: 'config-invalid' });
  });
}

test.serial('a name that begins with "-" never reaches ssh, however it got past the parser', async (t) => {
  const door = await openDoor(t);
  const trace = join(await temporaryDirectory(t), 'trace');
  for (const host of [{ ...door.host, host: `-oProxyCommand=touch ${trace}` }, { ...door.host, user: '-F/dev/null' }] as SshHost[]) {
    await t.throwsAsync(door.connect({ host }), { instanceOf: WardError, code: 'config-invalid', message: /begins with "-"/ });
  }
  t.false(existsSync(trace));
});
