/**
 * cgroups for the servers of a throwaway farm: one a server, so that they never meet. Root makes them at the top and hands them
 * to the servers' account, as systemd does for `Delegate=yes`; anybody else makes them inside the own cgroup, if that was handed
 * over.
 *
 * @module
 */
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const mounted = '/sys/fs/cgroup';
/** Version 1 accounts CPU time and limits it in two hierarchies; only the account is needed. */
const separate = ['memory', 'pids', 'cpuacct'] as const;
const unified = ['memory', 'pids', 'cpu'] as const;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Delegation {
  /** As `cgroup` in server.jsonc: directory by controller, or `unified`. */
  readonly directories: Readonly<Record<string, string>>;
  /** Files into which the server's first process writes its id. */
  readonly joins: readonly string[];
}

const isUnified = (): boolean => existsSync(join(mounted, 'cgroup.controllers'));

/** The cgroup of this process, by controller; '' is version 2's. */
const ownPaths = (): Map<string, string> => {
  const paths = new Map<string, string>();
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')) {
    const [, controllers = '', ...path] = line.split(':');
    for (const controller of controllers.split(',')) paths.set(controller, path.join(':'));
  }
  return paths;
};

/** Below which directory groups are made, by name in server.jsonc. Nobody but root has a business at the top. */
const bases = (): Record<string, string> => {
  const own = process.getuid?.() === 0 ? new Map<string, string>() : ownPaths();
  if (isUnified()) return { unified: join(mounted, own.get('') ?? '/') };
  return Object.fromEntries(separate.map((controller) => [controller, join(mounted, controller, own.get(controller) ?? '/')]));
};

/** The outermost directories that a farm makes. */
export const farmCgroups = (name: string): string[] => Object.values(bases()).map((base) => join(base, name));

const handOver = (directory: string, owner: Owner | undefined): void => {
  mkdirSync(directory, { recursive: true });
  if (owner === undefined) return;
  for (const file of ['.', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'tasks']) {
    if (existsSync(join(directory, file))) chownSync(join(directory, file), owner.uid, owner.gid);
  }
};

/** A cgroup `NAME/server-N` for one server. Undefined where this machine does not let us. */
export const delegateCgroup = (name: string, server: number, owner: Owner | undefined): Delegation | undefined => {
  try {
    const places = bases();
    const own = (base: string): string => join(base, name, `server-${server}`);
    const directories = Object.fromEntries(Object.entries(places).map(([controller, base]) => [controller, own(base)]));
    const { unified: directory } = directories;
    if (directory === undefined) {
      for (const path of Object.values(directories)) handOver(path, owner);
      return { directories, joins: Object.values(directories).map((path) => join(path, 'cgroup.procs')) };
    }
    const base = places['unified']!;
    mkdirSync(join(base, name), { recursive: true });
    const enable = unified.map((controller) => `+${controller}`).join(' ');
    for (const parent of [base, join(base, name)]) writeFileSync(join(parent, 'cgroup.subtree_control'), enable);
    // Version 2 has no processes in a cgroup that has children with controllers: the server itself goes one level down.
    const supervisor = join(directory, 'supervisor');
    handOver(directory, owner);
    handOver(supervisor, owner);
    return { directories, joins: [join(supervisor, 'cgroup.procs')] };
  } catch {
    return undefined;
  }
};

/** A cgroup and all below it, the innermost first. */
const walk = (directory: string): string[] => {
  try {
    const inner = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...inner.flatMap((entry) => walk(join(directory, entry.name))), directory];
  } catch {
    // It went in the meantime.
    return [];
  }
};

const membersOf = (directory: string): number[] => readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').map(Number).filter((pid) => pid > 0);

/** Every process in a cgroup and in those below it. */
export const processesIn = (directory: string): number[] => walk(directory).flatMap((inner) => {
  try {
    return membersOf(inner);
  } catch {
    // It went in the meantime.
    return [];
  }
});

/** Kills whatever is in a cgroup, and removes it. One that is gone is fine. */
export const removeCgroup = async (directory: string): Promise<void> => {
  for (let tries = 0; existsSync(directory) && tries < 100; tries++) {
    for (const inner of walk(directory)) {
      try {
        for (const pid of membersOf(inner)) process.kill(pid, 'SIGKILL');
        rmdirSync(inner);
      } catch {
        // Still busy, or gone by itself: looked at again in the next round.
      }
    }
    if (existsSync(directory)) await pause(20);
  }
};
