/**
 * The control groups of the slots: memory, processes and CPU are counted and limited by the kernel for all that runs in a slot.
 *
 * Version 2 is used where memory and pids are delegated to this server, else version 1 where its groups can be written, else nothing:
 * then the server refuses to start or, if the administrator opted in, runs with resource limits alone. The executor is put into the group
 * once, before it starts, because moving a process costs milliseconds; a job's limit is set by one write, and only if it differs from the
 * last.
 *
 * @module
 */
import {
  constants,
  accessSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
  chownSync,
  readdirSync,
} from 'node:fs';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';

/** Where a server may make groups. */
export type Hierarchy =
  | { readonly version: 2; readonly root: string }
  | { readonly version: 1; readonly memory: string; readonly pids: string; readonly cpuacct: string };

export type Detection = { readonly hierarchy: Hierarchy } | { readonly reason: string; readonly remedy: string };

/** One slot's group, as plain data that a supervisor can hand to an executor. */
export interface SlotGroup {
  readonly version: 1 | 2;
  readonly memory: string;
  readonly pids: string;
  /** Where the CPU time of all that runs in the slot is counted. */
  readonly cpu: string;
  /** All directories, in the order of creation. */
  readonly directories: readonly string[];
}

export interface DetectOptions {
  /** From `server.jsonc`: `{ unified }` or `{ memory, pids, cpuacct }`. */
  readonly configured?: Readonly<Record<string, string>> | undefined;
  /** For tests: contents of /proc/self/cgroup and /proc/self/mountinfo. */
  readonly selfCgroup?: string;
  readonly mountinfo?: string;
}

const remedy =
  'Run under the shipped systemd unit (Delegate=yes), or name writable groups under "cgroup" in server.jsonc, ' +
  'or accept per-process limits with "isolation": "strict-rlimit".';

interface Mount {
  readonly point: string;
  readonly root: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Lines of mountinfo: `36 35 98:0 /root /point options - type source superoptions` (proc_pid_mountinfo(5)). */
const parseMounts = (mountinfo: string): Mount[] =>
  mountinfo.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const [, , , root, point] = (before ?? '').split(' ');
    const [type, , options] = (after ?? '').split(' ');
    const unescape = (text: string): string =>
      text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    return root === undefined || point === undefined || type === undefined
      ? []
      : [{ root: unescape(root), point: unescape(point), type, options: (options ?? '').split(',') }];
  });

/** Directory of this process's own group below a mount, if the mount shows it. */
const ownGroup = (mount: Mount, path: string): string | undefined => {
  if (mount.root === '/') return join(mount.point, path);
  return path === mount.root || path.startsWith(`${mount.root}/`) ? join(mount.point, path.slice(mount.root.length)) : undefined;
};

const isWritable = (...files: string[]): boolean =>
  files.every((file) => {
    try {
      accessSync(file, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  });

const checkUnified = (root: string): Detection => {
  const controllers = existsSync(join(root, 'cgroup.controllers'))
    ? readFileSync(join(root, 'cgroup.controllers'), 'utf8').split(/\s+/)
    : [];
  const missing = ['memory', 'pids'].filter((name) => !controllers.includes(name));
  if (missing.length > 0) return { reason: `The cgroup ${root} does not have the controllers ${missing.join(' and ')}.`, remedy };
  if (!isWritable(root, join(root, 'cgroup.procs'), join(root, 'cgroup.subtree_control')))
    return { reason: `The cgroup ${root} is not delegated to this user.`, remedy };
  return { hierarchy: { version: 2, root } };
};

const checkSeparate = (memory: string | undefined, pids: string | undefined, cpuacct: string | undefined): Detection => {
  for (const [name, directory] of Object.entries({ memory, pids, cpuacct })) {
    if (directory === undefined) return { reason: `No cgroup hierarchy has the controller ${name}.`, remedy };
    if (!isWritable(directory)) return { reason: `The cgroup ${directory} is not writable for this user.`, remedy };
  }
  return { hierarchy: { version: 1, memory: memory!, pids: pids!, cpuacct: cpuacct! } };
};

/** Finds out where groups can be made. Changes nothing. */
export const detectCgroups = (options: DetectOptions = {}): Detection => {
  const { configured } = options;
  if (configured?.['unified'] !== undefined) return checkUnified(configured['unified']);
  if (configured !== undefined) return checkSeparate(configured['memory'], configured['pids'], configured['cpuacct']);
  const mounts = parseMounts(options.mountinfo ?? readFileSync('/proc/self/mountinfo', 'utf8'));
  const own = new Map<string, string>();
  for (const line of (options.selfCgroup ?? readFileSync('/proc/self/cgroup', 'utf8')).trim().split('\n')) {
    const [, controllers = '', ...path] = line.split(':');
    for (const controller of controllers.split(',')) own.set(controller, path.join(':'));
  }
  const groupOf = (controller: string): string | undefined => {
    const mount = mounts.find(({ type, options: flags }) =>
      controller === '' ? type === 'cgroup2' : type === 'cgroup' && flags.includes(controller),
    );
    const path = own.get(controller);
    return mount === undefined || path === undefined ? undefined : ownGroup(mount, path);
  };
  const unified = groupOf('');
  const second = unified === undefined ? undefined : checkUnified(unified);
  if (second !== undefined && 'hierarchy' in second) return second;
  const first = checkSeparate(groupOf('memory'), groupOf('pids'), groupOf('cpuacct'));
  // Where version 1 has no memory controller at all, version 2 is what the administrator has to mend.
  return 'hierarchy' in first || second === undefined || groupOf('memory') !== undefined ? first : second;
};

const write = (file: string, text: string): void => {
  try {
    writeFileSync(file, text, { flag: 'r+' });
  } catch (cause) {
    throw new WardError('sandbox-failed', `The control group file ${file} cannot be written (${(cause as Error).message}).`, { cause });
  }
};

/**
 * Makes a version 2 hierarchy ready for slots: its own processes move to a leaf, since a group with processes cannot hand controllers down.
 * Call before any slot. Does nothing for version 1, or when it has been done.
 */
export const prepareHierarchy = (hierarchy: Hierarchy): void => {
  if (hierarchy.version !== 2 || isPrepared(hierarchy.root)) return;
  const leaf = join(hierarchy.root, 'server');
  mkdirSync(leaf, { recursive: true });
  for (const pid of processesOf(hierarchy.root)) write(join(leaf, 'cgroup.procs'), String(pid));
  write(join(hierarchy.root, 'cgroup.subtree_control'), '+memory +pids');
};

const isPrepared = (root: string): boolean => {
  const handedDown = readFileSync(join(root, 'cgroup.subtree_control'), 'utf8').split(/\s+/);
  return handedDown.includes('memory') && handedDown.includes('pids');
};

export interface SlotOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Files of a group that its executor writes: its limits, and the way in for the slot helper. */
const ownedFiles = ['cgroup.procs', 'memory.max', 'memory.swap.max', 'memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'pids.max'];

/** Makes (or takes over, emptied) the group of one slot. With an owner, the executor of that uid may change the limits in it. */
export const createSlotGroup = async (hierarchy: Hierarchy, name: string, owner?: SlotOwner): Promise<SlotGroup> => {
  const directories =
    hierarchy.version === 2
      ? [join(hierarchy.root, name)]
      : [hierarchy.memory, hierarchy.pids, hierarchy.cpuacct].map((root) => join(root, name));
  for (const directory of directories) {
    if (existsSync(directory)) await removeGroup(directory);
    mkdirSync(directory, { recursive: true });
    if (owner === undefined) continue;
    // Whatever the umask says: the executor opens its own limits in here.
    chmodSync(directory, 0o755);
    for (const file of ownedFiles.map((base) => join(directory, base)).filter(existsSync)) chownSync(file, owner.uid, owner.gid);
  }
  const [memory, pids = memory, cpu = memory] = directories as [string, string?, string?];
  return { version: hierarchy.version, memory, pids, cpu, directories };
};

/** What `wardcc-slot --cgroup` writes to. */
export const procsFiles = (group: SlotGroup): string[] =>
  [...new Set(group.directories)].map((directory) => join(directory, 'cgroup.procs'));

const processesOf = (directory: string): number[] =>
  readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);

/** Kills all that is left in a group and removes it. Gives up, with an error, when processes do not die within two seconds. */
export const removeGroup = async (directory: string): Promise<void> => {
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) await removeGroup(join(directory, entry.name));
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      rmdirSync(directory);
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
      if ((cause as NodeJS.ErrnoException).code !== 'EBUSY')
        throw new WardError('sandbox-failed', `The control group ${directory} cannot be removed.`, { cause });
    }
    killGroup(directory);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new WardError('sandbox-failed', `Processes in the control group ${directory} do not die.`);
};

const killGroup = (directory: string): void => {
  if (existsSync(join(directory, 'cgroup.kill'))) {
    write(join(directory, 'cgroup.kill'), '1');
    return;
  }
  for (const pid of processesOf(directory)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself in the meantime.
    }
  }
};

/** Ends what earlier runs of this server left behind: every group whose name begins with `prefix`. */
export const sweepGroups = async (hierarchy: Hierarchy, prefix: string): Promise<void> => {
  const roots =
    hierarchy.version === 2
      ? [hierarchy.root]
      : [hierarchy.memory, hierarchy.pids, hierarchy.cpuacct];
  for (const root of roots) {
    for (const entry of readdirSync(root, { withFileTypes: true })) {
      if (entry.isDirectory() && entry.name.startsWith(prefix)) await removeGroup(join(root, entry.name));
    }
  }
};
