/**
 * The people of a farm that is reached through sshd: a key for each, and certificates of an OpenSSH authority for some, so that both
 * ways to name a person are there to be tried.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.ts';
import type { MechanismFiles } from './files.ts';
import type { FarmLayout } from './layout.ts';
import type { Person } from './people.ts';

/** Relative to `trust/`, which servers may read: the authority's public key, and what was revoked. */
export const authorityFile = 'ssh_ca.pub';
export const revokedFile = 'revoked.krl';

const validity = '-5m:+30d';

export const keyOf = (layout: FarmLayout, { id }: Person): string => join(layout.people, id, 'ssh_key');

/** Who has a certificate: those who must not be let in for the certificate's sake, and one who is. */
export const hasCertificate = ({ id, certificate }: Person): boolean => certificate !== 'valid' || id === 'bob';

const makeKey = async (file: string, comment: string): Promise<void> => {
  if (!existsSync(file)) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file]);
};

const fingerprintOf = async (key: string): Promise<string> =>
  (await run('ssh-keygen', ['-l', '-E', 'sha256', '-f', `${key}.pub`])).split(' ')[1]!;

/** Signs a key as that of `name`: in the key id, which the policy looks at, and as the principal, which sshd does. */
const certify = (authority: string, key: string, name: string, serial: number): Promise<string> =>
  run('ssh-keygen', ['-q', '-s', authority, '-I', name, '-n', name, '-z', String(serial), '-V', validity, `${key}.pub`]);

/** Same name, other authority. */
const certifyByStranger = async (key: string, name: string): Promise<void> => {
  const place = await mkdtemp(join(tmpdir(), 'wardcc-stranger-'));
  try {
    await makeKey(join(place, 'ca'), 'another authority');
    await certify(join(place, 'ca'), key, name, 1);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
};

const revoke = async (layout: FarmLayout, authority: string, serials: readonly number[]): Promise<void> => {
  const list = join(layout.ca, 'revoked_serials');
  await writeFile(list, serials.map((serial) => `serial: ${serial}\n`).join(''));
  await run('ssh-keygen', ['-q', '-k', '-f', join(layout.trust, revokedFile), '-s', `${authority}.pub`, list]);
};

/** Makes keys that are missing, new certificates, and the list of what is revoked; says what the policy must know of them. */
export const equipWithKeys = async (layout: FarmLayout, people: readonly Person[]): Promise<MechanismFiles> => {
  const authority = join(layout.ca, 'ssh_ca');
  await mkdir(layout.trust, { recursive: true, mode: 0o755 });
  await makeKey(authority, `throwaway farm ${layout.id}`);
  await copyFile(`${authority}.pub`, join(layout.trust, authorityFile));
  const identities: string[] = [];
  const revoked: number[] = [];
  for (const [index, person] of people.entries()) {
    const key = keyOf(layout, person);
    const serial = index + 1;
    await mkdir(join(layout.people, person.id), { recursive: true, mode: 0o700 });
    await makeKey(key, person.name);
    if (!hasCertificate(person)) {
      const [id, committer] = [`key-of-${person.id}`, person.name].map((text) => JSON.stringify(text));
      identities.push(`{ "id": ${id}, "principal": "ssh:${await fingerprintOf(key)}", "committer": ${committer} }`);
      continue;
    }
    if (person.certificate === 'of a stranger') await certifyByStranger(key, person.name);
    else await certify(authority, key, person.name, serial);
    if (person.certificate === 'revoked') revoked.push(serial);
  }
  await revoke(layout, authority, revoked);
  identities.push('{ "id": "same-name", "principal": "ssh:{user}", "committer": "{user}" }');
  return {
    mechanism: 'ssh',
    policy: [
      '// This authority may name people, by the key id of a certificate.',
      `"ssh": { "authorities": [{ "id": "farm-ca", "ca": "${await fingerprintOf(authority)}", "name": "key-id" }] },`,
      '// Whose certificate says NAME is the committer NAME; a plain key is known by its fingerprint. The comment in a key names nobody.',
      '"identities": [',
      `  ${identities.join(',\n    ')}`,
      '],',
    ],
  };
};

/** Writes what sshd lets in: the plain keys of valid people, and the names that certificates of the authority may have. */
export const writeAdmission = async (layout: FarmLayout, people: readonly Person[], directory: string): Promise<void> => {
  const keys = join(directory, 'authorized_keys');
  await writeFile(keys, '', { mode: 0o600 });
  for (const person of people.filter((one) => !hasCertificate(one))) {
    await appendFile(keys, `restrict ${await readFile(`${keyOf(layout, person)}.pub`, 'utf8')}`);
  }
  const names = new Set(people.filter(hasCertificate).map(({ name }) => name));
  await writeFile(join(directory, 'principals'), [...names, ''].join('\n'), { mode: 0o600 });
};
