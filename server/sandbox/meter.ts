/**
 * The executor's hold on its slot's control group: sets a job's limits and tells afterwards whether they were hit.
 *
 * @module
 */
import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import type { SlotGroup } from './cgroup.ts';

export interface Counters {
  /** Processes that the kernel killed because the group was out of memory. */
  readonly oomKills: number;
  /** Times that a fork was refused. */
  readonly forksRefused: number;
  /** CPU time of all that ever ran in the group, in milliseconds. */
  readonly cpuMs: number;
}

export interface GroupLimits {
  readonly memoryBytes: number;
  readonly processes: number;
}

/** Memory limits are set in steps, so that jobs which differ little need no write. */
const step = 64 * 2 ** 20;

const counterIn = (text: string, name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);

export class Meter {
  readonly #memoryLimits: number[];
  readonly #processLimit: number;
  readonly #memoryEvents: number;
  readonly #processEvents: number | undefined;
  readonly #cpu: number;
  readonly #version: 1 | 2;
  readonly #text = Buffer.alloc(4096);
  #memory = 0;
  #processes = 0;

  /** Opens the files of the group once. @throws WardError `sandbox-failed` */
  constructor(group: SlotGroup) {
    this.#version = group.version;
    const [limit, swap, events] =
      group.version === 2
        ? ['memory.max', 'memory.swap.max', 'memory.events']
        : ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'memory.oom_control'];
    this.#memoryLimits = [limit, swap]
      .map((file) => join(group.memory, file))
      .filter(existsSync)
      .map((file) => open(file, 'r+'));
    this.#processLimit = open(join(group.pids, 'pids.max'), 'r+');
    this.#memoryEvents = open(join(group.memory, events), 'r');
    const processEvents = join(group.pids, 'pids.events');
    this.#processEvents = existsSync(processEvents) ? open(processEvents, 'r') : undefined;
    this.#cpu = open(join(group.cpu, group.version === 2 ? 'cpu.stat' : 'cpuacct.usage'), 'r');
  }

  /** Limits for the whole slot, executor included. @throws WardError `sandbox-failed` */
  limit({ memoryBytes, processes }: GroupLimits): void {
    const memory = Math.ceil(memoryBytes / step) * step;
    if (memory !== this.#memory) this.#limitMemory(memory);
    if (processes !== this.#processes) write(this.#processLimit, String(processes));
    this.#processes = processes;
  }

  read(): Counters {
    return {
      oomKills: counterIn(this.#read(this.#memoryEvents), 'oom_kill'),
      forksRefused: this.#processEvents === undefined ? 0 : counterIn(this.#read(this.#processEvents), 'max'),
      cpuMs: this.cpuMs(),
    };
  }

  /** CPU time of all that ever ran in the group, in milliseconds: version 2 counts microseconds, version 1 nanoseconds. */
  cpuMs(): number {
    const text = this.#read(this.#cpu);
    return this.#version === 2 ? counterIn(text, 'usage_usec') / 1e3 : Number(text) / 1e6;
  }

  #limitMemory(memory: number): void {
    const [plain, swap] = this.#memoryLimits as [number, number | undefined];
    // Version 2 limits swap by itself; version 1 limits the sum, which may never be below the plain limit.
    if (this.#version === 2) {
      write(plain, String(memory));
      if (swap !== undefined && this.#memory === 0) write(swap, '0');
    } else {
      if (swap !== undefined && memory > this.#memory) write(swap, String(this.#memory === 0 ? -1 : memory));
      write(plain, String(memory));
      if (swap !== undefined) write(swap, String(memory));
    }
    this.#memory = memory;
  }

  #read(fd: number): string {
    return this.#text.toString('latin1', 0, readSync(fd, this.#text, 0, this.#text.length, 0));
  }

  close(): void {
    for (const fd of [
      ...this.#memoryLimits,
      this.#processLimit,
      this.#memoryEvents,
      this.#cpu,
      ...(this.#processEvents === undefined ? [] : [this.#processEvents]),
    ])
      closeSync(fd);
  }
}

const open = (file: string, flags: 'r' | 'r+'): number => {
  try {
    return openSync(file, flags);
  } catch (cause) {
    throw new WardError('sandbox-failed', `The control group file ${file} cannot be opened (${(cause as Error).message}).`, { cause });
  }
};

const write = (fd: number, text: string): void => {
  try {
    writeSync(fd, text, 0);
  } catch (cause) {
    throw new WardError('sandbox-failed', `A limit of the control group cannot be set to ${text} (${(cause as Error).message}).`, {
      cause,
    });
  }
};
