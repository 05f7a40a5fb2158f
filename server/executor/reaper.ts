/**
 * News from the first process of the slot: which sandboxes are wholly gone, and what they used.
 *
 * A pid is gone when the first process of the slot has collected it. All that ran in its sandbox died before it, since it was the first
 * process there.
 *
 * @module
 */
import { Socket } from 'node:net';

export interface Usage {
  readonly userMs: number;
  readonly systemMs: number;
  readonly maxRssKb: number;
}

/** `struct ended` of `server/native/slot.c`. */
const recordBytes = 32;
export const reportDescriptor = 3;

export class Reaper {
  readonly #waiting = new Map<number, (usage: Usage) => void>();
  #rest: Buffer = Buffer.alloc(0);

  constructor(fd: number = reportDescriptor) {
    const pipe = new Socket({ fd, readable: true, writable: false });
    pipe.on('data', (bytes: Buffer) => this.#take(bytes));
    pipe.on('error', () => {});
    pipe.unref();
  }

  /** Resolves when the process of that number was collected. Ask before it can have ended. */
  gone(pid: number): Promise<Usage> {
    return new Promise((resolve) => this.#waiting.set(pid, resolve));
  }

  forget(pid: number): void {
    this.#waiting.delete(pid);
  }

  #take(bytes: Buffer): void {
    const all = Buffer.concat([this.#rest, bytes]);
    let at = 0;
    for (; at + recordBytes <= all.length; at += recordBytes) {
      const milliseconds = (offset: number): number => Number(all.readBigUInt64LE(at + offset)) / 1000;
      const pid = all.readUInt32LE(at);
      this.#waiting.get(pid)?.({ userMs: milliseconds(8), systemMs: milliseconds(16), maxRssKb: Number(all.readBigUInt64LE(at + 24)) });
      this.#waiting.delete(pid);
    }
    this.#rest = all.subarray(at);
  }
}
