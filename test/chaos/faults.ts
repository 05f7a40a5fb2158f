/**
 * What can happen to a server, to its line, and to the clients' agents. Each fault says what it did and how it is undone; what needs no
 * undoing heals by itself, because somebody starts what has ended.
 *
 * @module
 */
import { signalProcess, type ProcessRecord } from '../../ctl/dev/processes.ts';
import type { ChaosFarm } from './farm.ts';
import type { ChaosServer, Part } from './server.ts';

export type Random = () => number;

export interface Fault {
  readonly name: string;
  /** How often it is drawn, compared with the others. */
  readonly weight: number;
  /** How long it lasts, from and to, in milliseconds; the first is 0 for what heals by itself. */
  readonly lasts: readonly [number, number];
  /** Does it. Resolves to its undoing; undefined when there was nothing to do it to. */
  strike(server: ChaosServer, farm: ChaosFarm, random: Random): Promise<(() => Promise<void> | void) | undefined>;
}

const between = (random: Random, from: number, to: number): number => Math.round(from + random() * (to - from));

const pick = <T>(random: Random, all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];

const kill = (process: ProcessRecord | undefined): (() => void) | undefined => {
  if (process === undefined) return undefined;
  signalProcess(process, 'SIGKILL');
  return () => undefined;
};

const killPart = (part: Part, weight: number): Fault => ({
  name: `${part} killed`,
  weight,
  lasts: [0, 0],
  strike: async (server, _farm, random) => kill(pick(random, server.processes(part))),
});

const fillDisk = (which: 'state' | 'log'): Fault => ({
  name: `${which} disk full`,
  weight: 3,
  lasts: [2_000, 8_000],
  strike: async ({ disks }) => {
    disks[which].fill();
    return () => disks[which].clear();
  },
});

export const faults: readonly Fault[] = [
  killPart('supervisor', 3),
  killPart('front', 3),
  killPart('keeper', 3),
  killPart('executor', 5),
  {
    name: 'agent killed',
    weight: 2,
    lasts: [0, 0],
    strike: async (_server, farm, random) => kill(pick(random, farm.agents())),
  },
  {
    name: 'link cut',
    weight: 4,
    // Shorter and longer than a client waits for a silent server.
    lasts: [500, 40_000],
    strike: async ({ machine }) => {
      await machine.cut();
      return () => machine.mend();
    },
  },
  {
    name: 'link slow',
    weight: 4,
    lasts: [2_000, 12_000],
    strike: async (server, _farm, random) => {
      server.setQuality({ delayMs: between(random, 20, 400), bytesPerSecond: between(random, 20_000, 2_000_000) });
      return () => server.setQuality();
    },
  },
  fillDisk('state'),
  fillDisk('log'),
  {
    name: 'server stands still',
    weight: 2,
    lasts: [1_000, 35_000],
    strike: async (server) => {
      server.signalAll('SIGSTOP');
      return () => server.signalAll('SIGCONT');
    },
  },
  {
    name: 'server rebooted',
    weight: 3,
    lasts: [2_000, 8_000],
    strike: async (server) => {
      await server.powerOff();
      return () => server.powerOn();
    },
  },
];

const total = faults.reduce((sum, { weight }) => sum + weight, 0);

/** One of them, by weight, and how long it is to last. */
export const drawFault = (random: Random): { fault: Fault; lastsMs: number } => {
  let left = random() * total;
  const fault = faults.find(({ weight }) => (left -= weight) < 0) ?? faults[0]!;
  return { fault, lastsMs: between(random, ...fault.lasts) };
};
