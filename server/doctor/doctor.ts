/**
 * `wardccd doctor`: is this machine, as it is now, able to keep what the server promises? Each property is tried, not looked up.
 *
 * Exit status 0 when nothing failed, 1 otherwise. A CAUTION is something an administrator has accepted or should know.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import type { Policy } from '../../policy/types.ts';
import { toWardError } from '../../protocol/errors.ts';
import { loadServerConfig, type ServerConfig } from '../config.ts';
import { createSlotGroup, detectCgroups, prepareHierarchy, removeGroup, type SlotGroup, type SlotOwner } from '../sandbox/cgroup.ts';
import type { Profile } from '../sandbox/limits.ts';
import { accountOf } from '../supervisor/account.ts';
import { findAccounts } from '../supervisor/accounts.ts';
import { probeAuthorities, probeRevocationList, probeServerCertificate } from './credential-probes.ts';
import { probeFarm } from './farm-probe.ts';
import { probeKeytab } from './keytab-probe.ts';
import { probeDirectory, probeSecret, probeSettings } from './files.ts';
import { attempt, caution, fail, formatFinding, formatSummary, pass, type Finding } from './finding.ts';
import { probeCgroups, probeClock, probePlatform, probeSeccompSupport, probeUserNamespaces } from './machine-probes.ts';
import { probePeers } from './peers-probe.ts';
import { Room } from './room.ts';
import { sandboxProbes, trySandbox } from './sandbox-probes.ts';
import { probePolicy, probeSource } from './source-probes.ts';
import { probeSshd } from './sshd-probe.ts';
import { probeStages } from './stage-probe.ts';
import { presentCompilers, probeToolchain } from './toolchain-probe.ts';

export interface DoctorOptions {
  /** Absent: the default place, if a file is there; otherwise only the machine is examined. */
  readonly config?: string | undefined;
  readonly json: boolean;
  readonly write: (text: string) => void;
  /** Ends the examination after the probe that runs; what it made is removed. */
  readonly signal?: AbortSignal;
}

/** 128 + SIGINT. */
const interrupted = 130;
const defaultConfig = '/etc/wardcc/server.jsonc';

/** Returns the exit status. */
export const doctor = async ({ config: file, json, write, signal }: DoctorOptions): Promise<number> => {
  const findings: Finding[] = [];
  for await (const finding of examine(file ?? (existsSync(defaultConfig) ? defaultConfig : undefined))) {
    findings.push(finding);
    if (signal?.aborted === true) return interrupted;
    if (!json) write(formatFinding(finding));
  }
  const failed = findings.some(({ grade }) => grade === 'FAIL');
  write(json ? `${JSON.stringify({ ok: !failed, findings }, undefined, 2)}\n` : `\n${formatSummary(findings)}`);
  return failed ? 1 : 0;
};

async function* examine(file: string | undefined): AsyncGenerator<Finding> {
  yield probePlatform();
  let config: ServerConfig | undefined;
  if (file === undefined) {
    yield caution('configuration', 'No configuration was named: the machine alone is examined.', 'wardccd doctor --config FILE');
  } else {
    const finding = await attempt('configuration', 'Correct the file at the position that is named.', async () => {
      config = await loadServerConfig(file);
      return probeSettings('configuration', file);
    });
    yield finding;
    if (config === undefined) return;
  }
  const { owner, finding } = await findOwner(config);
  if (finding !== undefined) yield finding;
  const wanted: Profile = config?.isolation ?? 'strict';
  yield probeUserNamespaces(owner);
  yield probeSeccompSupport();
  yield probeCgroups(wanted, config?.cgroup);
  yield* examineSandbox(config, owner, wanted);
  yield probeClock();
  if (config !== undefined) yield* examineServer(config);
}

/** Whom the slots belong to: as root the account that the configuration names, or for this examination nobody. */
const findOwner = async (config: ServerConfig | undefined): Promise<{ owner?: SlotOwner | undefined; finding?: Finding }> => {
  const isRoot = process.getuid!() === 0;
  if (!isRoot && config === undefined) return {};
  if (isRoot && config?.users === undefined) {
    const says = 'This is root, and no accounts are named for the parts of a server: nobody stands in for its user.';
    return {
      owner: await accountOf('nobody'),
      finding: caution('accounts', says, 'Run this as the user that the server runs as, or name accounts under "users".'),
    };
  }
  try {
    const accounts = await findAccounts(config!);
    return {
      owner: accounts.slot(0),
      finding: pass('accounts', isRoot ? 'front, keeper and each slot have one of their own' : 'all parts of the server run as this user'),
    };
  } catch (thrown) {
    return {
      owner: isRoot ? await accountOf('nobody') : undefined,
      finding: fail('accounts', toWardError(thrown).message, 'Correct "users" in server.jsonc.'),
    };
  }
};

/** The sandbox is tried with whatever profile this machine can give; whether that is enough has been said. */
async function* examineSandbox(config: ServerConfig | undefined, owner: SlotOwner | undefined, wanted: Profile): AsyncGenerator<Finding> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'wardcc-doctor-')));
  chmodSync(directory, 0o755);
  const detected = detectCgroups({ configured: config?.cgroup });
  const profile: Profile = 'hierarchy' in detected ? 'strict' : 'strict-rlimit';
  let group: SlotGroup | undefined;
  let room: Room | undefined;
  try {
    if ('hierarchy' in detected) prepareHierarchy(detected.hierarchy);
    if ('hierarchy' in detected)
      group = await createSlotGroup(detected.hierarchy, `wardcc-doctor-${randomBytes(6).toString('hex')}`, owner);
    room = await Room.open({ directory, profile, group, owner, bytes: 256 << 20, inodes: 20_000 });
    for (const probe of sandboxProbes) yield await trySandbox(probe, { room, profile });
    const compilers = presentCompilers(config?.toolchains ?? ['/usr/bin/gcc']);
    if (compilers.length === 0)
      yield fail('toolchain', 'None of the configured compilers exists.', 'Install one, or correct "toolchains".');
    for (const compiler of compilers) {
      const opened = room;
      yield await attempt('toolchain', `It is not offered to clients; the others are. Check ${compiler} by hand.`, () =>
        probeToolchain(compiler, opened),
      );
    }
  } catch (thrown) {
    yield fail('sandbox', toWardError(thrown).message, `Without a sandbox no job can run; "isolation" is ${wanted}.`);
  } finally {
    await room?.close();
    for (const path of group?.directories ?? []) await removeGroup(path);
    spawnSync('chmod', ['-R', 'u+w', directory]);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The server's own files: policy, credentials, disks. */
export async function* examineServer(config: ServerConfig): AsyncGenerator<Finding> {
  let policy: Policy | undefined;
  yield await attempt('policy', 'wardctl policy check shows every mistake.', () => probePolicy(config.policy, (loaded) => { policy = loaded; }));
  for (const { status } of policy?.committers.sources ?? []) yield probeSource(status);
  const renew = 'Check the paths under "tls".';
  yield await attempt('TLS key', renew, () => probeSecret('TLS key', config.tls.key));
  yield await attempt('TLS certificate', renew, () => probeServerCertificate(config));
  const { clients, krb5, ssh, farm } = config;
  if (clients !== undefined) {
    yield await attempt("clients' authority", renew, () => probeAuthorities(clients));
    yield await attempt('revocation list', 'wardctl certs crl, then install the list.', () => probeRevocationList(clients));
  }
  if (krb5 !== undefined) yield await attempt('keytab', 'Check the paths under "krb5".', () => probeKeytab(krb5));
  if (ssh !== undefined) yield* probeSshd(ssh.user);
  if (farm !== undefined) yield await attempt('farm file', 'wardctl farm verify shows what is wrong.', () => probeFarm(farm, config));
  const peers = config.shared?.peers;
  if (peers !== undefined) yield await attempt('results from other servers', 'Check the paths under "shared".', () => probePeers(peers, config));
  yield* probeStages(config.state);
  for (const [name, directory] of Object.entries({ state: config.state, run: config.run, log: config.log })) {
    yield await attempt(`disk: ${name}`, `The server's user must be able to write in ${directory}.`, () =>
      probeDirectory(`disk: ${name}`, directory),
    );
  }
}
