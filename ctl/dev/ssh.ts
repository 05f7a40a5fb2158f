/**
 * The sshds of a throwaway farm, one a server, and the host keys that clients know. sshd lets every key of the farm in, under one
 * account; whose key it is and what that person may do, the policy says.
 *
 * @module
 */
import { chmod, chown, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { shellQuote, type ServerPlan } from './files.ts';
import { programs, type FarmLayout } from './layout.ts';
import type { Person } from './people.ts';
import { recordProcess, type ProcessRecord } from './processes.ts';
import { authorityFile, revokedFile, writeAdmission } from './ssh-people.ts';
import { createSshd, quoted, sshdCommand, startSshd, type Sshd } from './sshd.ts';
import { stagedCommand, stagedPath, stagedProgram, type Account } from './stage.ts';

const serverDirectory = (layout: FarmLayout, plan: ServerPlan): string => join(layout.server(plan.number), 'sshd');

/** The sshd of one server: whatever a login asks for, it gets the bridge. */
export const prepareSshd = async (
  layout: FarmLayout, plan: ServerPlan, people: readonly Person[], port: number, owner: Account | undefined,
): Promise<Sshd> => {
  const directory = serverDirectory(layout, plan);
  const seen = (path: string): string => (owner === undefined ? path : stagedPath(layout, path));
  const program = owner === undefined ? join(programs, 'wardccd') : stagedProgram(layout, 'wardccd');
  const socket = resolve(seen(layout.server(plan.number)), plan.run, 'front', 'ssh.sock');
  const bridge = [program, 'ssh-subsystem', '--socket', socket].map(shellQuote).join(' ');
  // sshd's own directory is closed to others, but not the way to it.
  await mkdir(layout.server(plan.number), { recursive: true, mode: 0o755 });
  const lines = [
    'Subsystem wardcc /bin/false',
    `ForceCommand ${bridge}`,
    `TrustedUserCAKeys ${quoted(join(seen(layout.trust), authorityFile))}`,
    `AuthorizedPrincipalsFile ${quoted(join(seen(directory), 'principals'))}`,
  ];
  const sshd = await createSshd(directory, { address: plan.address, port, seenAt: seen(directory), lines });
  await writeAdmission(layout, people, directory);
  if (owner !== undefined) {
    await chmod(directory, 0o700);
    const files = (await readdir(directory)).map((name) => join(directory, name));
    for (const path of [directory, ...files]) await chown(path, owner.uid, owner.gid);
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

/** Lines of server.jsonc. */
export const sshLines = (owner: Account | undefined): string[] => {
  const user = JSON.stringify(owner?.name ?? userInfo().username);
  return [`"ssh": { "user": ${user}, "krl": "../../trust/${revokedFile}" }`];
};

export const sshHosts = (daemons: readonly Sshd[]): string[] => daemons.map(({ user, address, port }) => `ssh://${user}@${address}:${port}`);

/** Starts it; it accepts when this returns. */
export const runSshd = async (layout: FarmLayout, plan: ServerPlan, sshd: Sshd, owner: Account | undefined): Promise<ProcessRecord> => {
  const seenAt = owner === undefined ? sshd.directory : stagedPath(layout, sshd.directory);
  const command = sshdCommand(seenAt);
  const pid = await startSshd(sshd, { command: owner === undefined ? command : stagedCommand(layout, command, plan.cgroup?.joins ?? []) });
  return recordProcess(`sshd ${plan.number}`, pid);
};
