/**
 * Runs a part as its unit says, without a systemd that runs: its sockets are opened and passed by systemd-socket-activate; its account,
 * places, capabilities, network and system calls are taken from the unit file. What is not imitated can only take more away.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeFilter, filterOf } from '../../server/sandbox/seccomp/bpf.ts';
import type { SyscallRule } from '../../server/sandbox/seccomp/list.ts';
import { checkout } from './account-server.ts';

const execute = promisify(execFile);

export const unitFile = (name: string): string => join(checkout, 'packaging/systemd', name);

/** The settings of a unit: every value of every line, in order. */
export async function readUnit(name: string): Promise<Map<string, string[]>> {
  const settings = new Map<string, string[]>();
  for (const line of (await readFile(unitFile(name), 'utf8')).split('\n')) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined) settings.set(key, [...(settings.get(key) ?? []), ...(value as string).split(/\s+/).filter(Boolean)]);
  }
  return settings;
}

const groups = new Map<string, Promise<string[]>>();

/** The calls of one group such as `@system-service`, as systemd has them. */
function callsOf(name: string): Promise<string[]> {
  if (!name.startsWith('@')) return Promise.resolve([name]);
  const known = groups.get(name) ?? execute('systemd-analyze', ['syscall-filter', name, '--no-pager']).then(async ({ stdout }) => {
    const names = stdout.split('\n').slice(1).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
    return (await Promise.all(names.map(callsOf))).flat();
  });
  groups.set(name, known);
  return known;
}

const familyNumbers: Readonly<Record<string, number>> = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 };
const [EPERM, EAFNOSUPPORT] = [1, 97];

/** The unit's `SystemCallFilter=` and `RestrictAddressFamilies=`, as the kernel takes them. */
async function filterOfUnit(unit: ReadonlyMap<string, string[]>): Promise<Buffer> {
  const allowed = new Set(await callsOf('@default'));
  let denying = false;
  for (const word of unit.get('SystemCallFilter') ?? []) {
    // A tilde counts for the rest of its line, and an allowing line comes first.
    denying ||= word.startsWith('~');
    for (const call of await callsOf(word.replace('~', ''))) if (denying) allowed.delete(call); else allowed.add(call);
  }
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
  const families = (unit.get('RestrictAddressFamilies') ?? []).map((family) => familyNumbers[family] as number);
  const rules = await Promise.all([...allowed].map(async (name): Promise<SyscallRule> => {
    const { stdout } = await execute('scmp_sys_resolver', ['-a', architecture === 'x64' ? 'x86_64' : 'aarch64', name]);
    const only = families.map((value) => ({ argument: 0 as const, mask: 0xffffffff, value, action: 'allow' as const }));
    return { name, number: Number(stdout), action: name === 'socket' ? { errno: EAFNOSUPPORT } : 'allow', rules: name === 'socket' ? only : [] };
  }));
  return encodeFilter(filterOf(architecture, rules.filter(({ number }) => number >= 0).sort((a, b) => a.number - b.number), { errno: EPERM }));
}

/** Puts the filter in FILE on itself and becomes the command: the last step, as in systemd. */
const underFilter = `
import ctypes, os, sys
class Program(ctypes.Structure): _fields_ = [('length', ctypes.c_ushort), ('filter', ctypes.c_char_p)]
code = open(sys.argv[1], 'rb').read()
libc = ctypes.CDLL(None, use_errno=True)
environment = dict(os.environ, LISTEN_PID=str(os.getpid()))
program = Program(len(code) // 8, code)
if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0: sys.exit('no filter')
os.execve(sys.argv[2], sys.argv[2:], environment)
`;

export interface PartPlace {
  /** Directory of the server. */
  readonly directory: string;
  /** Where the checkout is to be seen. */
  readonly stage: string;
  readonly user: string;
  /** What is listened on, by `FileDescriptorName=`. */
  readonly sockets: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

/** The command that waits for the first connection, and then runs the part. */
export async function underUnit(name: string, { directory, stage, user, sockets, command }: PartPlace): Promise<string[]> {
  const unit = await readUnit(`wardccd-${name}.service`);
  const here = (path: string): string => path.replace('-', '').replace('/run/wardcc', `${directory}/run`).replace('/var/lib/wardcc', `${directory}/state`).replace('/var/log/wardcc', `${directory}/log`);
  const filter = join(directory, `${name}.bpf`);
  await writeFile(filter, await filterOfUnit(unit));
  return [
    'sh', '-c', 'umask 077 && exec "$@"', 'sh',
    'systemd-socket-activate', ...Object.values(sockets).map((address) => `--listen=${address}`), `--fdname=${Object.keys(sockets).join(':')}`,
    'bwrap', '--die-with-parent', '--ro-bind', '/', '/', '--dev', '/dev', '--ro-bind', checkout, stage,
    ...(unit.get('ReadWritePaths') ?? []).flatMap((path) => ['--bind', here(path), here(path)]),
    ...(unit.get('InaccessiblePaths') ?? []).flatMap((path) => ['--perms', '0000', '--tmpfs', here(path)]),
    ...(unit.get('PrivateNetwork')?.includes('yes') === true ? ['--unshare-net'] : []),
    '--', 'setpriv', '--reuid', user, '--regid', user, '--clear-groups', '--bounding-set=-all', '--inh-caps=-all',
    '/usr/bin/python3', '-c', underFilter, filter, ...command,
  ];
}
