/**
 * What the machine has to offer before any sandbox can be made: namespaces, seccomp, control groups, a clock.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { detectCgroups, type SlotOwner } from '../sandbox/cgroup.ts';
import { probeNamespaces, probeSeccomp, probeSlot } from '../sandbox/isolation.ts';
import type { Profile } from '../sandbox/limits.ts';
import { caution, fail, pass, type Finding } from './finding.ts';

export const probePlatform = (): Finding => {
  const says = `Linux ${release()} on ${process.arch}, Node ${process.versions.node}`;
  return process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
    ? pass('platform', says)
    : fail('platform', `${process.platform} on ${process.arch} is not supported`, 'Use Linux on x86-64 or arm64.');
};

export const probeUserNamespaces = (owner: SlotOwner | undefined): Finding => {
  const lack = probeNamespaces(owner) ?? probeSlot(owner);
  return lack === undefined
    ? pass('namespaces', 'user, mount, pid, network, ipc, uts and cgroup namespaces can be made, and a slot')
    : fail('namespaces', lack.reason, lack.remedy);
};

export const probeSeccompSupport = (): Finding => {
  const lack = probeSeccomp();
  return lack === undefined ? pass('seccomp support', 'the kernel has it') : fail('seccomp support', lack.reason, lack.remedy);
};

export const probeCgroups = (wanted: Profile, configured: Readonly<Record<string, string>> | undefined): Finding => {
  const found = detectCgroups({ configured });
  if ('hierarchy' in found) return pass('control groups', `version ${found.hierarchy.version}, writable`);
  if (wanted === 'strict-rlimit')
    return caution(
      'control groups',
      `${found.reason} Memory is limited per process only, as "isolation": "strict-rlimit" permits.`,
      found.remedy,
    );
  return fail('control groups', found.reason, found.remedy);
};

/** Certificates, tickets and leases are worth what the clock is worth. */
export const probeClock = (): Finding => {
  // No build of this program is older than this.
  if (Date.now() < Date.UTC(2025, 0, 1))
    return fail('clock', `The clock says ${new Date().toISOString()}.`, 'Set the clock: timedatectl set-ntp true.');
  const asked = spawnSync('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { encoding: 'utf8', timeout: 5000 });
  if (asked.status === 0 && asked.stdout.trim() === 'yes') return pass('clock', 'synchronised');
  if (asked.status === 0 && asked.stdout.trim() === 'no')
    return caution('clock', 'The clock is not synchronised.', 'Run a time service: timedatectl set-ntp true, or chrony.');
  return caution(
    'clock',
    'Nobody here can say whether the clock is synchronised.',
    'Check it: Kerberos refuses tickets when it is off by five minutes.',
  );
};
