/**
 * `wardctl dev up`: a throwaway farm on loopback, with everything about it in one directory.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, userInfo } from 'node:os';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { delegateCgroup, farmCgroups } from './cgroup.ts';
import { linkPrograms, writeClients } from './clients.ts';
import { bringDown } from './down.ts';
import { publishFarm } from './farm-file.ts';
import { readFarmRecord, writeFarmRecord, type FarmRecord } from './farm-record.ts';
import { certFiles, policyText, type ServerPlan } from './files.ts';
import { openRealm, prepareRealm, serviceLines, writeServiceKeys } from './krb5.ts';
import { farmLayout, programs, type FarmLayout } from './layout.ts';
import { certifyPeople, listCommitters, peopleOf, type Person } from './people.ts';
import { freePorts, serverAddress } from './ports.ts';
import { isRunning } from './processes.ts';
import { equipForRedis, prepareRedis, redisLines, startRedis } from './redis.ts';
import { prepareServer, startServer, whenReady } from './servers.ts';
import { equipWithKeys } from './ssh-people.ts';
import { prepareSshd, publishHostKeys, runSshd, sshHosts, sshLines } from './ssh.ts';
import type { Sshd } from './sshd.ts';
import { ensureAccount, makeStage, type Account } from './stage.ts';

export interface UpOptions {
  readonly dir: string;
  readonly servers: number;
  /** Slots a server offers; undefined: twice the compiles at once. */
  readonly jobs: number | undefined;
  /** Compiles at once on one server; undefined: the machine's cores. */
  readonly cores: number | undefined;
  /** How people prove who they are; this mechanism and no other. Default `cert`. */
  readonly mechanism?: FarmRecord['mechanism'];
  /** The servers share their results. */
  readonly redis?: boolean;
}

export interface RunningFarm {
  readonly layout: FarmLayout;
  /** Names of the servers, as clients write them. */
  readonly hosts: readonly string[];
  readonly cores: number;
  readonly isolation: 'strict' | 'strict-rlimit';
}

/**
 * Brings a farm up and returns when its servers accept. What was begun is ended again when anything fails.
 *
 * @throws WardError `dev-failed`.
 */
export const bringUp = async (options: UpOptions): Promise<RunningFarm> => {
  const layout = farmLayout(options.dir);
  const earlier = await readFarmRecord(layout.record);
  if (earlier?.processes.some(isRunning) === true) throw new WardError('dev-failed', `A farm runs in ${options.dir} already: wardctl dev down --dir ${options.dir} ends it.`);
  if (!existsSync(join(programs, 'wardccd'))) throw new WardError('dev-failed', `${programs} has no wardccd: npm run build makes it.`);
  try {
    return await begin(layout, options);
  } catch (error) {
    await bringDown(options.dir);
    throw error;
  }
};

const begin = async (layout: FarmLayout, options: UpOptions): Promise<RunningFarm> => {
  const { mechanism = 'cert' } = options;
  const asRoot = process.getuid?.() === 0;

  // 1. Who: a CA, people with credentials, the committers among them.
  await mkdir(layout.directory, { recursive: true, mode: 0o755 });
  for (const directory of [layout.people, layout.runtime]) await makePrivate(directory);
  const people = peopleOf(userInfo().username);
  const authority = await certifyPeople(layout, people);
  await listCommitters(layout, people);
  const realm = mechanism === 'krb5' ? await prepareRealm(layout, people) : undefined;
  const files = realm !== undefined ? realm.files : mechanism === 'ssh' ? await equipWithKeys(layout, people) : certFiles(await readFile(join(layout.ca, 'ca.pem'), 'utf8'));
  if (!existsSync(layout.policy)) await writeFile(layout.policy, policyText(files));

  // 2. Where the servers run: as root, under another account and in a cgroup that is handed to it.
  const name = `wardcc-dev-${layout.id}`;
  const stage = asRoot ? await makeStage(layout) : undefined;
  let record: FarmRecord = { mechanism, processes: [], cgroups: farmCgroups(name), stage };
  await writeFarmRecord(layout.record, record);
  const owner = asRoot ? await ensureAccount() : undefined;
  const addresses = Array.from({ length: options.servers }, (_, index) => serverAddress(index + 1));
  const ports = await freePorts(addresses);
  const redis = options.redis === true ? await prepareRedis(layout, options.servers) : undefined;
  const plans = ports.map((port, index): ServerPlan => {
    const number = index + 1;
    const address = addresses[index]!;
    const cgroup = delegateCgroup(name, number, owner);
    // The place where the servers' account sees the farm is never too long for a socket.
    const run = owner === undefined ? layout.serverRun(number) : 'run';
    const lines = [...realm !== undefined ? serviceLines : mechanism === 'ssh' ? sshLines(owner) : [], ...redis === undefined ? [] : redisLines(redis, number)];
    const isolation = cgroup === undefined ? 'strict-rlimit' : 'strict';
    return { number, address, port, jobs: options.jobs, cores: options.cores, isolation, cgroup, run, lines };
  });
  const daemons = mechanism === 'ssh' ? await prepareDaemons(layout, plans, people, owner) : [];

  // 3. What clients need.
  const hosts = mechanism === 'ssh' ? sshHosts(daemons) : plans.map(({ address, port }) => `${address}:${port}`);
  const farmKey = await publishFarm(layout, options.servers);
  await writeClients(layout, people.map(({ id }) => id), { mechanism, hosts, farmKey, environment: realm?.environment });
  await linkPrograms(layout);

  // 4. The servers, all at once.
  if (realm !== undefined) {
    record = { ...record, processes: [await openRealm(layout, realm, people)] };
    await writeFarmRecord(layout.record, record);
  }
  if (redis !== undefined) {
    record = { ...record, processes: [...record.processes, await startRedis(redis)] };
    await writeFarmRecord(layout.record, record);
  }
  const earlier = record.processes.length;
  for (const plan of plans) {
    await prepareServer(layout, plan, { authority, farmKey }, owner);
    if (realm !== undefined) await writeServiceKeys(layout, realm, plan, owner);
    if (redis !== undefined) await equipForRedis(layout, redis, plan, owner);
    record = { ...record, processes: [...record.processes, startServer(layout, plan, owner)] };
    await writeFarmRecord(layout.record, record);
  }
  const servers = record.processes.slice(earlier);
  for (const [index, daemon] of daemons.entries()) {
    record = { ...record, processes: [...record.processes, await runSshd(layout, plans[index]!, daemon, owner)] };
    await writeFarmRecord(layout.record, record);
  }
  await Promise.all(plans.map((plan, index) => whenReady(layout, plan, servers[index]!)));
  await publishFarm(layout, options.servers);
  return { layout, hosts, cores: options.cores ?? availableParallelism(), isolation: plans[0]!.isolation };
};

/** In /tmp somebody else may have made it before. */
const makePrivate = async (directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) throw new WardError('dev-failed', `${directory} is not a directory of yours.`);
  await chmod(directory, 0o700);
};

const prepareDaemons = async (layout: FarmLayout, plans: readonly ServerPlan[], people: readonly Person[], owner: Account | undefined): Promise<Sshd[]> => {
  const free = await freePorts(plans.map(({ address }) => address));
  const daemons = await Promise.all(plans.map((plan, index) => prepareSshd(layout, plan, people, free[index]!, owner)));
  await publishHostKeys(layout, daemons);
  return daemons;
};
