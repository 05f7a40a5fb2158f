/**
 * One server of the farm on a machine of its own: a network namespace, small disks, a relay before its port, and somebody who starts
 * it again whenever it ends, as systemd does.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processesIn } from '../../ctl/dev/cgroup.ts';
import type { ServerPlan } from '../../ctl/dev/files.ts';
import type { FarmLayout } from '../../ctl/dev/layout.ts';
import { commandOf, isRunning, recordProcess, signalProcess, whenGone, type ProcessRecord } from '../../ctl/dev/processes.ts';
import { startServer, whenReady } from '../../ctl/dev/servers.ts';
import type { Account } from '../../ctl/dev/stage.ts';
import type { Disk } from './disk.ts';
import type { Machine } from './network.ts';
import type { Quality } from './relay.ts';

export const port = 7632;
/** Where the server listens, behind its relay. */
export const innerPort = 7633;
const relayProgram = fileURLToPath(new URL('relay.ts', import.meta.url));
const lookMs = 100;
/** `RestartSec=` of the unit. */
const restartMs = 2_000;
const good: Quality = { delayMs: 0, bytesPerSecond: 0 };

/** A part of a server, by what its processes run or call themselves. */
export type Part = 'supervisor' | 'front' | 'keeper' | 'executor';
const partOf = (command: string): Part | undefined => {
  if (/wardcc-slot|bwrap/.test(command.split(' ')[0]!)) return undefined;
  const [, main, title] = /(?:(front|keeper|executor)\/main\.js|wardccd: (front))/.exec(command) ?? [];
  return (main ?? title ?? (command.startsWith('wardccd') ? 'supervisor' : undefined)) as Part | undefined;
};

export interface ServerOptions {
  readonly layout: FarmLayout;
  readonly plan: ServerPlan;
  readonly owner: Account;
  readonly machine: Machine;
  readonly disks: { readonly state: Disk; readonly log: Disk };
  /** Called with every process that is started: `dev down` must know it. */
  readonly started: (server: ProcessRecord) => Promise<void>;
}

export class ChaosServer {
  readonly name: string;
  readonly disks: ServerOptions['disks'];
  readonly machine: Machine;
  /** Is something the matter with it that has not been mended yet? */
  troubled = false;
  readonly #options: ServerOptions;
  #process: ProcessRecord | undefined;
  #relay: ChildProcess | undefined;
  #wanted = false;
  readonly #crashes: string[] = [];
  #watching: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.name = `server ${options.plan.number}`;
    this.machine = options.machine;
    this.disks = options.disks;
  }

  /** As clients write it. */
  get host(): string {
    return `${this.machine.address}:${port}`;
  }

  /** Waits until it accepts connections for the first time. @throws WardError `dev-failed` with its words */
  async whenReady(): Promise<void> {
    const { layout, plan } = this.#options;
    await whenReady(layout, plan, this.#process!);
  }

  /** Starts relay and server, and the server again whenever it ends. */
  async start(): Promise<void> {
    this.#wanted = true;
    await this.#startRelay();
    await this.#startServer();
    this.#watching = this.#watch();
  }

  /** Ends it and does not start it again. What it has started is left to its own conscience. */
  async stop(): Promise<void> {
    this.#wanted = false;
    await this.#watching;
    this.#relay?.stdin?.end();
    if (this.#relay?.exitCode === null) await once(this.#relay, 'exit');
  }

  /** The processes of one part that run now. */
  processes(part: Part): ProcessRecord[] {
    return this.#all().filter((one) => partOf(commandOf(one)) === part);
  }

  /** Everything of the server gets the signal in one moment, compilers included. */
  signalAll(signal: NodeJS.Signals): void {
    for (const one of this.#all()) signalProcess(one, signal);
  }

  /** The power goes: nothing is told to anybody, and memory is lost. Resolves when nothing runs. */
  async powerOff(): Promise<void> {
    this.#wanted = false;
    await this.machine.cut();
    this.#relay?.kill('SIGKILL');
    const all = this.#all();
    for (const one of all) signalProcess(one, 'SIGKILL');
    await this.#watching;
    await whenGone(all, 10_000);
  }

  async powerOn(): Promise<void> {
    await this.machine.mend();
    await this.start();
  }

  setQuality(quality: Quality = good): void {
    this.#relay?.stdin?.write(`${JSON.stringify(quality)}\n`);
  }

  /** Errors that nobody caught, as they were printed: each ended a process that nobody had killed. */
  get crashes(): readonly string[] {
    return [...this.#crashes, ...this.#printedCrashes()];
  }

  /** A start begins the file anew. */
  #printedCrashes(): string[] {
    const { layout, plan } = this.#options;
    const said = readFileSync(join(layout.server(plan.number), 'output.txt'), 'utf8');
    return said.split(/\n\n+/).filter((paragraph) => /^ {4}at .*:[0-9]+:[0-9]+\)?$/m.test(paragraph));
  }

  /** By its control groups: whoever began them, and also when that one is dead. */
  #all(): ProcessRecord[] {
    const [group] = Object.values(this.#options.plan.cgroup!.directories);
    const pids = new Set([...(this.#process === undefined ? [] : [this.#process.pid]), ...processesIn(group!)]);
    return [...pids].map((pid) => recordProcess(this.name, pid)).filter(isRunning);
  }

  async #startRelay(): Promise<void> {
    const { address, inside } = this.machine;
    const [enter, ...words] = [...inside, process.execPath, relayProgram, address, String(port), this.#options.plan.address, String(innerPort)];
    this.#relay = spawn(enter!, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#relay.stdin!.on('error', () => undefined);
    await Promise.race([once(this.#relay.stdout!, 'data'), once(this.#relay, 'exit').then(() => { throw new Error(`the relay of ${this.name} ended`); })]);
  }

  async #startServer(): Promise<void> {
    const { layout, plan, owner } = this.#options;
    if (this.#process !== undefined) this.#crashes.push(...this.#printedCrashes());
    this.#process = startServer(layout, plan, owner, this.machine.inside);
    await this.#options.started(this.#process);
  }

  async #watch(): Promise<void> {
    while (this.#wanted) {
      await pause(lookMs);
      if (!this.#wanted || isRunning(this.#process!)) continue;
      await pause(restartMs);
      if (this.#wanted) await this.#startServer();
    }
  }
}
