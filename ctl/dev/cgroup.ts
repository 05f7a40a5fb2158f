/**
 * cgroups for the servers of a throwaway farm. Root makes one and hands it to the servers' account, as systemd does for
 * `Delegate=yes`; anybody else can only find out whether the own cgroup is handed over already.
 *
 * @module
 */
import { accessSync, chownSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = '/sys/fs/cgroup';
/** Version 1 accounts CPU time and limits it in two hierarchies; only the account is needed. */
const separate = ['memory', 'pids', 'cpuacct'] as const;
const unified = ['memory', 'pids', 'cpu'] as const;

export interface Delegation {
  /** As `cgroup` in server.jsonc: directory by controller, or `unified`. */
  readonly directories: Readonly<Record<string, string>>;
  /** Files into which the server's first process writes its id. */
  readonly joins: readonly string[];
}

const isUnified = (): boolean => existsSync(join(root, 'cgroup.controllers'));

const handOver = (directory: string, owner: { uid: number; gid: number }): void => {
  mkdirSync(directory, { recursive: true });
  chownSync(directory, owner.uid, owner.gid);
  for (const file of ['cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'tasks']) {
    if (existsSync(join(directory, file))) chownSync(join(directory, file), owner.uid, owner.gid);
  }
};

/** The directories that a farm's cgroup has, outermost of each hierarchy. */
export const farmCgroups = (name: string): string[] => (isUnified() ? [join(root, name)] : separate.map((controller) => join(root, controller, name)));

/** As root: a cgroup `NAME/server-N` for one server. Undefined where this machine does not let us. */
export const delegateCgroup = (name: string, server: number, owner: { uid: number; gid: number }): Delegation | undefined => {
  try {
    const leaf = `server-${server}`;
    if (!isUnified()) {
      const directories = Object.fromEntries(separate.map((controller) => [controller, join(root, controller, name, leaf)]));
      for (const directory of Object.values(directories)) handOver(directory, owner);
      return { directories, joins: Object.values(directories).map((directory) => join(directory, 'cgroup.procs')) };
    }
    const enable = unified.map((controller) => `+${controller}`).join(' ');
    mkdirSync(join(root, name), { recursive: true });
    for (const parent of [root, join(root, name)]) writeFileSync(join(parent, 'cgroup.subtree_control'), enable);
    const directory = join(root, name, leaf);
    // Version 2 has no processes in a cgroup that has children with controllers: the server itself goes one level down.
    const supervisor = join(directory, 'supervisor');
    handOver(directory, owner);
    handOver(supervisor, owner);
    return { directories: { unified: directory }, joins: [join(supervisor, 'cgroup.procs')] };
  } catch {
    return undefined;
  }
};

/** Whether the cgroup this process is in may be divided further by it: without root, the only way to limits for a whole job. */
export const ownCgroupIsDelegated = (): boolean => {
  try {
    const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n').map((line) => line.split(':') as [string, string, string]);
    const writable = (directory: string) => {
      accessSync(directory, constants.W_OK);
      accessSync(join(directory, 'cgroup.procs'), constants.W_OK);
      return true;
    };
    if (isUnified()) {
      const own = join(root, lines.find(([id]) => id === '0')?.[2] ?? '/');
      const available = readFileSync(join(own, 'cgroup.controllers'), 'utf8').split(/\s+/);
      return ['memory', 'pids'].every((controller) => available.includes(controller)) && writable(own);
    }
    return ['memory', 'pids'].every((controller) => {
      const line = lines.find(([, names]) => names.split(',').includes(controller));
      return line !== undefined && line[2] !== '/' && writable(join(root, controller, line[2]));
    });
  } catch {
    return false;
  }
};

const walk = (directory: string): string[] => [
  ...readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap((entry) => walk(join(directory, entry.name))),
  directory,
];

/** Kills whatever is in a cgroup, and removes it. One that is gone is fine. */
export const removeCgroup = async (directory: string): Promise<void> => {
  for (let tries = 0; existsSync(directory) && tries < 100; tries++) {
    for (const inner of walk(directory)) {
      try {
        for (const pid of readFileSync(join(inner, 'cgroup.procs'), 'utf8').split('\n').filter((text) => Number(text) > 0)) process.kill(Number(pid), 'SIGKILL');
        rmdirSync(inner);
      } catch {
        // Still busy, or gone by itself: looked at again in the next round.
      }
    }
    if (existsSync(directory)) await pause(20);
  }
};
