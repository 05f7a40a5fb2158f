/**
 * wardcc as a contender: a throwaway farm, and what its processes use.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bringDown } from '../ctl/dev/down.ts';
import { farmLayout } from '../ctl/dev/layout.ts';
import { readFarmRecord } from '../ctl/dev/farm-record.ts';
import { fileURLToPath } from 'node:url';
import { environmentAfter, run } from '../setup/demo/run.ts';
import type { Contender } from './contenders.ts';
import { memoryOf } from './measure.ts';

export interface JobCounts {
  readonly remote: number;
  readonly hit: number;
  readonly local: number;
  readonly denied: number;
  readonly failed: number;
}

interface Stats {
  readonly jobs: JobCounts;
  readonly localReasons: Readonly<Record<string, number>>;
  readonly agent?: { readonly pid: number };
}

export interface MemoryRow {
  readonly process: string;
  readonly residentMb: number;
  readonly peakMb: number;
}

export interface WardccContender extends Contender {
  stats(): Promise<Stats>;
  /** Starts the counts again. */
  zero(): Promise<void>;
  /** Every process of the farm, and the agent. */
  processes(): { readonly process: string; readonly pid: number }[];
  /** What each of them needs. */
  memory(): MemoryRow[];
  readonly isolation: string;
}

const wardctl = fileURLToPath(new URL('../dist/bin/wardctl', import.meta.url));

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

const childrenOf = (pid: number): number[] => read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

const descendantsOf = (pid: number): number[] => childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

/** By what it runs, or by the title it gave itself. */
const nameOf = (pid: number): string => {
  const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
  return /(front|keeper|executor)\/main\.js/.exec(command)?.[1] ?? /wardccd: (\w+)/.exec(command)?.[1] ?? (command.includes('wardcc-slot') ? 'slot helper' : 'supervisor');
};

/** `krb5`: with tickets in place of certificates. */
export const startWardcc = async (place: string, mechanism: 'cert' | 'krb5' = 'cert'): Promise<WardccContender> => {
  const farm = join(place, mechanism === 'cert' ? 'farm' : `farm-${mechanism}`);
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(WARDCC_|KRB5)/.test(name)));
  const up = await run([wardctl, 'dev', 'up', '--dir', farm, ...(mechanism === 'krb5' ? ['--krb5'] : [])], { env: clean });
  if (up.status !== 0) throw new Error(`wardctl dev up failed:\n${up.stderr}`);
  const env = { ...(await environmentAfter(join(farm, 'env.sh'), clean)), WARDCC_FALLBACK: 'never' };
  const stats = async (): Promise<Stats> => JSON.parse((await run(['wardctl', 'stats', '--json'], { env })).stdout) as Stats;
  // The first connection starts the agent; a build that runs all day has one already.
  const self = await run(['wardctl', 'whoami', '--json'], { env });
  if (self.status !== 0) throw new Error(`wardctl whoami failed:\n${self.stderr}`);
  const agent = (await stats()).agent?.pid;
  const servers = (await readFarmRecord(farmLayout(farm).record))?.processes.map(({ pid }) => pid) ?? [];
  const processes = (): { process: string; pid: number }[] => {
    const pids = servers.flatMap((server) => [server, ...descendantsOf(server)]);
    return [...pids.map((pid) => ({ process: nameOf(pid), pid })), ...(agent === undefined ? [] : [{ process: 'agent', pid: agent }])];
  };
  return {
    name: mechanism === 'cert' ? 'wardcc' : `wardcc, ${mechanism}`,
    env,
    command: (compiler) => `wardcc ${compiler}`,
    helpers: agent === undefined ? [] : [agent],
    stats,
    zero: async () => void (await run(['wardctl', 'stats', '--zero', '--json'], { env })),
    processes,
    memory: () => processes().map(({ process: name, pid }) => ({ process: name, residentMb: memoryOf(pid), peakMb: memoryOf(pid, { peak: true }) })),
    isolation: /strict-rlimit/.test(up.stderr) ? 'strict-rlimit' : 'strict',
    end: async () => {
      await bringDown(farm);
    },
  };
};
