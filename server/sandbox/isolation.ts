/**
 * Which isolation this machine can give, and whether that is enough.
 *
 * `strict` needs user namespaces, seccomp and writable control groups. `strict-rlimit` does without control groups, and is taken only
 * when the administrator asked for it. Anything less: the server does not start, and says what is missing and what to do.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { nativeDirectory } from '../native/load.ts';
import { detectCgroups, type Detection, type DetectOptions, type Hierarchy, type SlotOwner } from './cgroup.ts';
import type { Profile } from './limits.ts';

export type Isolation =
  { readonly profile: 'strict'; readonly hierarchy: Hierarchy } | { readonly profile: 'strict-rlimit'; readonly missing: string };

/** What was found out about the machine: undefined, or why it is missing and what to do. */
export interface Facts {
  readonly namespaces: Lack | undefined;
  readonly seccomp: Lack | undefined;
  readonly cgroups: Detection;
}

export interface Lack {
  readonly reason: string;
  readonly remedy: string;
}

export const bubblewrap = '/usr/bin/bwrap';

/** Chooses from facts. @throws WardError `isolation-unavailable` with reason and remedy */
export const chooseIsolation = (wanted: Profile, facts: Facts): Isolation => {
  for (const lack of [facts.namespaces, facts.seccomp]) if (lack !== undefined) throw refusal(lack);
  if ('hierarchy' in facts.cgroups) return { profile: 'strict', hierarchy: facts.cgroups.hierarchy };
  if (wanted === 'strict-rlimit') return { profile: 'strict-rlimit', missing: facts.cgroups.reason };
  throw refusal(facts.cgroups);
};

const refusal = ({ reason, remedy }: Lack): WardError => new WardError('isolation-unavailable', `${reason} ${remedy}`);

/** Tries to make the namespaces of a job, as the slot's user if this is root. */
export const probeNamespaces = (owner?: SlotOwner): Lack | undefined => {
  if (!existsSync(bubblewrap))
    return { reason: `${bubblewrap} does not exist.`, remedy: 'Install bubblewrap: apt-get install bubblewrap.' };
  const kinds = ['user', 'ipc', 'pid', 'net', 'uts', 'cgroup'].map((name) => `--unshare-${name}`);
  const run = spawnSync(
    bubblewrap,
    [...kinds, '--disable-userns', '--cap-drop', 'ALL', '--uid', '65534', '--gid', '65534', '--ro-bind', '/', '/', '--', '/bin/true'],
    {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 10_000,
      ...(owner === undefined ? {} : owner),
    },
  );
  if (run.status === 0) return undefined;
  const said = run.error?.message ?? run.stderr.toString().trim();
  return {
    reason: `Namespaces for a job cannot be made (${said}).`,
    remedy: 'Permit user namespaces: sysctl user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns.',
  };
};

/** Tries to make an empty slot: it mounts file systems and a `/proc` of its own, which a container or a unit may not permit. */
export const probeSlot = (owner?: SlotOwner): Lack | undefined => {
  const account = owner === undefined ? [] : ['--uid', String(owner.uid), '--gid', String(owner.gid)];
  const run = spawnSync(join(nativeDirectory(), 'wardcc-slot'), [...account, '--', '/bin/true'], {
    env: {},
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 10_000,
  });
  if (run.status === 0) return undefined;
  return {
    reason: `A slot cannot be made (${run.error?.message ?? run.stderr.toString().trim()}).`,
    remedy:
      'Nothing may be mounted over a part of /proc: in a systemd unit with User= leave out ProtectKernelTunables= and ProtectProc=, '
      + 'in a container unmask /proc.',
  };
};

export const probeSeccomp = (): Lack | undefined =>
  /^Seccomp:/m.test(readFileSync('/proc/self/status', 'utf8'))
    ? undefined
    : { reason: 'This kernel has no seccomp.', remedy: 'Use a kernel with CONFIG_SECCOMP_FILTER.' };

/** Examines the machine and chooses. @throws WardError `isolation-unavailable` */
export const isolate = (wanted: Profile, cgroup?: DetectOptions['configured'], owner?: SlotOwner): Isolation =>
  chooseIsolation(wanted, {
    namespaces: probeNamespaces(owner) ?? probeSlot(owner),
    seccomp: probeSeccomp(),
    cgroups: detectCgroups({ configured: cgroup }),
  });
