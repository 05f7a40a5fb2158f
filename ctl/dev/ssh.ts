/**
 * What a throwaway farm has when people come through SSH: a key for each person, an sshd for each server, known hosts, and who a key
 * belongs to. sshd lets every key of the farm in, under one account; whose key it is and what that person may do, the policy says.
 *
 * @module
 */
import { chmod, chown, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from './command.ts';
import { shellQuote, type MechanismFiles, type ServerPlan } from './files.ts';
import { programs, type FarmLayout } from './layout.ts';
import type { Person } from './people.ts';
import { recordProcess, type ProcessRecord } from './processes.ts';
import { createSshd, sshdCommand, startSshd, type Sshd } from './sshd.ts';
import { stagedCommand, stagedPath, stagedProgram, type Account } from './stage.ts';

const keyOf = (layout: FarmLayout, { id }: Person): string => join(layout.people, id, 'ssh_key');

/** Whose key opens a door at all: a revoked one was taken out of the list, a stranger's never was in it. */
const isAuthorized = ({ certificate }: Person): boolean => certificate === 'valid';

const fingerprintOf = async (key: string): Promise<string> => (await run('ssh-keygen', ['-l', '-E', 'sha256', '-f', `${key}.pub`])).split(' ')[1]!;

/** Makes the keys that are missing, and says what the policy must know of them. */
export const equipWithKeys = async (layout: FarmLayout, people: readonly Person[]): Promise<MechanismFiles> => {
  const identities: string[] = [];
  for (const person of people) {
    const key = keyOf(layout, person);
    await mkdir(join(layout.people, person.id), { recursive: true, mode: 0o700 });
    if (!existsSync(key)) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', person.name, '-f', key]);
    identities.push(`  { "id": ${JSON.stringify(`key-of-${person.id}`)}, "principal": "ssh:${await fingerprintOf(key)}", "committer": ${JSON.stringify(person.name)} }`);
  }
  return {
    mechanism: 'ssh',
    policy: ['// Whose key it is. The comment in a key says nothing: anybody can write it.', '"identities": [', `${identities.join(',\n  ')}`, '],'],
  };
};

const serverDirectory = (layout: FarmLayout, plan: ServerPlan): string => join(layout.server(plan.number), 'sshd');

/** The sshd of one server: whatever a login asks for, it gets the bridge. */
export const prepareSshd = async (layout: FarmLayout, plan: ServerPlan, people: readonly Person[], port: number, owner: Account | undefined): Promise<Sshd> => {
  const directory = serverDirectory(layout, plan);
  const seen = (path: string): string => (owner === undefined ? path : stagedPath(layout, path));
  const program = owner === undefined ? join(programs, 'wardccd') : stagedProgram(layout, 'wardccd');
  const socket = resolve(seen(layout.server(plan.number)), plan.run, 'front', 'ssh.sock');
  const bridge = [program, 'ssh-subsystem', '--socket', socket].map(shellQuote).join(' ');
  // sshd's own directory is closed to others, but not the way to it.
  await mkdir(layout.server(plan.number), { recursive: true, mode: 0o755 });
  const sshd = await createSshd(directory, { port, seenAt: seen(directory), lines: ['Subsystem wardcc /bin/false', `ForceCommand ${bridge}`] });
  const keys = await Promise.all(people.filter(isAuthorized).map((person) => readFile(`${keyOf(layout, person)}.pub`, 'utf8')));
  await writeFile(join(directory, 'authorized_keys'), keys.map((key) => `restrict ${key}`).join(''), { mode: 0o600 });
  if (owner !== undefined) {
    await chmod(directory, 0o700);
    for (const path of [directory, ...(await readdir(directory)).map((name) => join(directory, name))]) await chown(path, owner.uid, owner.gid);
  }
  return { ...sshd, user: owner?.name ?? userInfo().username };
};

/** Host keys that clients know, and a configuration of ssh with nothing of the person's own. */
export const publishHostKeys = async (layout: FarmLayout, daemons: readonly Sshd[]): Promise<void> => {
  await mkdir(layout.trust, { recursive: true, mode: 0o755 });
  const known = await Promise.all(daemons.map(({ directory }) => readFile(join(directory, 'known_hosts'), 'utf8')));
  await writeFile(join(layout.trust, 'known_hosts'), known.join(''));
  await writeFile(join(layout.trust, 'ssh_config'), '# ssh of this farm reads nothing of yours.\n');
};

export const sshHosts = (daemons: readonly Sshd[]): string[] => daemons.map(({ user, port }) => `ssh://${user}@127.0.0.1:${port}`);

/** Starts it; it accepts when this returns. */
export const runSshd = async (layout: FarmLayout, plan: ServerPlan, sshd: Sshd, owner: Account | undefined): Promise<ProcessRecord> => {
  const seenAt = owner === undefined ? sshd.directory : stagedPath(layout, sshd.directory);
  const command = sshdCommand(seenAt);
  return recordProcess(`sshd ${plan.number}`, await startSshd(sshd, owner === undefined ? command : stagedCommand(layout, command, plan.cgroup?.joins ?? [])));
};
