/**
 * The sshd_config of docs/ssh.md, as it stands there, under a real sshd: paths and accounts are the only words that change.
 *
 * @module
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fileURLToPath } from 'node:url';
import { parseSshKey, sshFingerprint } from '../../../certs/openssh/key.ts';
import { parseTemplate, type Template } from '../../../policy/template.ts';
import { WardError } from '../../../protocol/errors.ts';
import { probeSshd } from '../../../server/doctor/sshd-probe.ts';
import { makeKeyRing, readLine, type KeyRing } from '../../certs/openssh/keys.ts';
import { openDoor, type SshDoor } from '../../fixtures/ssh-door.ts';

const documentation = readFileSync(fileURLToPath(new URL('../../../docs/ssh.md', import.meta.url)), 'utf8');

/** The lines of one example, by its name; '' is the main one. */
const example = (name: string): string[] => {
  const [, text] = new RegExp(`^\`\`\`sshd_config${name === '' ? '' : ` ${name}`}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(documentation) ?? [];
  if (text === undefined) throw new Error(`docs/ssh.md has no example ${name}`);
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
};

interface Documented {
  readonly door: SshDoor;
  readonly ring: KeyRing;
  readonly key: string;
  readonly authority: string;
}

/** The whole configuration: the extra examples stand before the lines that they are stronger than. */
const follow = async (t: ExecutionContext<unknown>, ...extra: string[]): Promise<Documented> => {
  const ring = makeKeyRing(t);
  const authority = ring.makeKey('authority');
  const key = ring.makeKey('key');
  const main = example('');
  const match = main.findIndex((line) => line.startsWith('Match '));
  const lines = [...main.slice(0, match), ...extra.flatMap(example), ...main.slice(match + 1)];
  const door = await openDoor(t, {
    lines: lines
      .filter((line) => !/^(Subsystem|ForceCommand) /.test(line))
      .map((line) => line
        .replace('/etc/wardcc/ssh/ca.pub', `"${authority}.pub"`)
        .replace(/\/etc\/wardcc\/ssh\/([a-z_]+)/, `"${ring.directory}/$1"`)
        .replace('CommandUser nobody', `CommandUser ${userInfo().username}`)),
  });
  door.facts.trust = { methods: undefined, authorities: [{ id: 'people', position: '', ca: sshFingerprint(parseSshKey(readLine(`${authority}.pub`)).blob), name: 'key-id', names: [parseTemplate('{user}') as Template] }] };
  return { door, ring, key, authority };
};

test.serial('the main example lets a listed key in and no other, and doctor finds nothing', async (t) => {
  const { door, ring, key } = await follow(t);
  copyFileSync(`${key}.pub`, join(ring.directory, 'authorized_keys'));
  t.is((await door.connect({ ssh: { ...door.ssh, identity: key } })).welcome.principal, `ssh:${sshFingerprint(parseSshKey(readLine(`${key}.pub`)).blob)}`);
  await t.throwsAsync(door.connect(), { instanceOf: WardError, code: 'ssh-refused' });
  // StrictModes cannot be on where everything lies in a temporary directory.
  t.deepEqual(probeSshd(userInfo().username, join(door.sshd.directory, 'sshd_config')).map(({ says }) => says.split(' ')[0]).filter((setting) => setting !== 'StrictModes'), []);
});

test.serial('AuthorizedKeysCommand lets a listed key in and no other', async (t) => {
  const { door, ring, key } = await follow(t, 'keys');
  writeFileSync(join(ring.directory, 'authorized_keys'), `# nobody\nrestrict ${readLine(`${key}.pub`)}\n`);
  t.regex((await door.connect({ ssh: { ...door.ssh, identity: key } })).welcome.principal, /^ssh:SHA256:/);
  await t.throwsAsync(door.connect(), { instanceOf: WardError, code: 'ssh-refused' });
});

test.serial('AuthorizedPrincipalsFile lets certificates with a listed principal in', async (t) => {
  const { door, ring, key, authority } = await follow(t, 'certificates');
  writeFileSync(join(ring.directory, 'principals'), 'compile-farm\n');
  ring.certify(authority, key, { id: 'alice', principals: 'compile-farm' });
  t.is((await door.connect({ ssh: { ...door.ssh, identity: key } })).welcome.principal, 'ssh:alice');
  ring.certify(authority, key, { id: 'alice', principals: 'elsewhere' });
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), { instanceOf: WardError, code: 'ssh-refused' });
});

test.serial('AuthorizedPrincipalsCommand lets certificates in whose key id is one of their principals', async (t) => {
  const { door, ring, key, authority } = await follow(t, 'key-ids');
  ring.certify(authority, key, { id: 'alice', principals: 'alice,www' });
  t.is((await door.connect({ ssh: { ...door.ssh, identity: key } })).welcome.principal, 'ssh:alice');
  ring.certify(authority, key, { id: 'alice', principals: 'bob' });
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), { instanceOf: WardError, code: 'ssh-refused' });
});
