/**
 * A throwaway farm whose servers have a machine each, and whose clients have one: made of the same parts as `wardctl dev up`, which
 * knows one machine only.
 *
 * @module
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentsOf } from '../../ctl/dev/agents.ts';
import { delegateCgroup, farmCgroups } from '../../ctl/dev/cgroup.ts';
import { linkPrograms, writeClients } from '../../ctl/dev/clients.ts';
import { bringDown } from '../../ctl/dev/down.ts';
import { publishFarm } from '../../ctl/dev/farm-file.ts';
import { writeFarmRecord, type FarmRecord } from '../../ctl/dev/farm-record.ts';
import { certFiles, policyText, type ServerPlan } from '../../ctl/dev/files.ts';
import { farmLayout, type FarmLayout } from '../../ctl/dev/layout.ts';
import { certifyPeople, listCommitters, peopleOf } from '../../ctl/dev/people.ts';
import { serverAddress } from '../../ctl/dev/ports.ts';
import type { ProcessRecord } from '../../ctl/dev/processes.ts';
import { prepareServer } from '../../ctl/dev/servers.ts';
import { ensureAccount, makeStage } from '../../ctl/dev/stage.ts';
import { environmentAfter } from '../../setup/demo/run.ts';
import { start, type Ended, type Running } from '../fixtures/command.ts';
import { cleanEnvironment } from '../fixtures/farm.ts';
import { Disk } from './disk.ts';
import { Network } from './network.ts';
import { ChaosServer, innerPort } from './server.ts';

/** Two staged compilers take 75 of them. */
const stateMegabytes = 192;
const logMegabytes = 8;
const clientNumber = 250;

export interface CommandOptions {
  readonly cwd: string;
  /** Whose agent and credentials are used: `alice`, `bob`. */
  readonly person: string;
  readonly settings?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

export interface ChaosFarm {
  readonly layout: FarmLayout;
  /** The name of the network, with which every namespace begins. */
  readonly networkName: string;
  readonly servers: readonly ChaosServer[];
  /** Runs a command to its end on the clients' machine. */
  run(command: readonly string[], options: CommandOptions): Promise<Ended>;
  /** The agents that run now. */
  agents(): ProcessRecord[];
  /** Ends the commands that run now. */
  interrupt(): void;
  /** Ends every process of servers and agents, and leaves the disks as they are. */
  halt(): Promise<void>;
  /** Ends everything. */
  close(): Promise<void>;
}

/** Brings a farm up below a directory, which is the caller's to remove. What was begun is ended again when anything fails. Needs root. */
export const openFarm = async (place: string, count: number): Promise<ChaosFarm> => {
  const layout = farmLayout(join(place, 'farm'));
  const ending: (() => Promise<unknown>)[] = [];
  const failures: unknown[] = [];
  // One step that fails must not keep the others from being done.
  const close = async (): Promise<void> => {
    for (const step of ending.splice(0).reverse()) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    return { ...(await begin(layout, count, (step) => void ending.push(step))), close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
};

const begin = async (layout: FarmLayout, count: number, atEnd: (step: () => Promise<unknown>) => void): Promise<Omit<ChaosFarm, 'close'>> => {
  const network = await Network.open(`wardcc-${layout.id}`);
  atEnd(() => network.close());

  // Who: as `dev up` has it.
  for (const directory of [layout.directory, layout.people, layout.runtime]) await mkdir(directory, { recursive: true, mode: 0o700 });
  const people = peopleOf('alice');
  const authority = await certifyPeople(layout, people);
  await listCommitters(layout, people);
  await writeFile(layout.policy, policyText(certFiles(await readFile(join(layout.ca, 'ca.pem'), 'utf8'))));
  await linkPrograms(layout);
  const farmKey = await publishFarm(layout, count);

  // Where: the servers' account, its control groups, and disks that can be full.
  const owner = await ensureAccount();
  const cgroups = `wardcc-dev-${layout.id}`;
  let record: FarmRecord = { mechanism: 'cert', processes: [], cgroups: farmCgroups(cgroups), stage: await makeStage(layout) };
  const started = async (server: ProcessRecord): Promise<void> => {
    record = { ...record, processes: [...record.processes, server] };
    await writeFarmRecord(layout.record, record);
  };
  await writeFarmRecord(layout.record, record);
  const mount = async (directory: string, megabytes: number): Promise<Disk> => {
    const disk = await Disk.mount(directory, megabytes, owner);
    atEnd(() => disk.unmount());
    return disk;
  };
  const servers: ChaosServer[] = [];
  const disks: ChaosServer['disks'][] = [];
  const logOf = (number: number): string => (number === 1 ? layout.log : join(layout.log, `server-${number}`));
  for (let number = 1; number <= count; number++) {
    const state = await mount(join(layout.server(number), 'state'), stateMegabytes);
    disks.push({ state, log: await mount(logOf(number), logMegabytes) });
  }
  const running = new Set<Running>();
  const interrupt = (): void => {
    for (const command of running) command.signal('SIGTERM');
  };
  const halt = async (): Promise<void> => {
    for (const server of servers) await server.stop();
    await bringDown(layout.directory);
  };
  atEnd(halt);
  for (let number = 1; number <= count; number++) {
    const cgroup = delegateCgroup(cgroups, number, owner);
    if (cgroup === undefined) throw new Error('no control group can be handed out here');
    const lines = ['"toolchains": ["/usr/bin/gcc", "/usr/bin/g++"]'];
    const plan: ServerPlan = { number, address: serverAddress(number), port: innerPort, jobs: undefined, cores: 1, isolation: 'strict', cgroup, run: 'run', lines };
    await prepareServer(layout, plan, { authority, farmKey }, owner);
    const server = new ChaosServer({ layout, plan, owner, machine: await network.add(`s${number}`, number), disks: disks[number - 1]!, started });
    servers.push(server);
  }

  // Clients have one machine, and know the servers by address.
  const client = await network.add('client', clientNumber);
  await writeClients(layout, people.map(({ id }) => id), { mechanism: 'cert', hosts: servers.map(({ host }) => host), farmKey, environment: undefined });
  const environment = await environmentAfter(layout.environment, cleanEnvironment());

  for (const server of servers) await server.start();
  await Promise.all(servers.map((server) => server.whenReady()));
  await publishFarm(layout, count);
  return {
    layout,
    networkName: network.name,
    servers,
    halt,
    interrupt,
    agents: () => agentsOf(layout.runtime),
    run: (command, { cwd, person, settings = {}, timeoutMs }) => {
      const env = { ...environment, WARDCC_CONFIG: join(layout.people, person, 'client.jsonc'), ...settings };
      const one = start([...client.inside, ...command], { cwd, env, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
      running.add(one);
      return one.ended.finally(() => running.delete(one));
    },
  };
};
