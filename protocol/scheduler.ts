/**
 * What leaves a channel, and in which order: control frames first, then one piece of each stream in turn, so that no stream
 * waits for another's long body. Frames of one tick leave in one write, and only while the transport is not full. Sealing
 * happens here, at the last moment, so sequence numbers are in wire order.
 *
 * @module
 */
import { WardError } from './errors.ts';
import { limits } from './limits.ts';
import type { Sealer } from './seal.ts';
import type { Transport } from './transport.ts';

/** A frame to be sealed. `prefix` is copied next to the header, `payload` goes by reference. */
export interface Outgoing {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly prefix?: Buffer | undefined;
  readonly payload: Buffer;
}

/** A stream as the scheduler sees it. */
export interface Source {
  /** The next frame that may go now, or undefined. */
  take(): Outgoing | undefined;
  /** True while `take` would return a frame. */
  readonly ready: boolean;
  /** Set by the scheduler: in the ring. */
  queued: boolean;
}

export class Scheduler {
  readonly #transport: Transport;
  readonly #sealer: Sealer;
  readonly #failed: (error: unknown) => void;
  #control: Outgoing[] = [];
  #ring: Source[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(transport: Transport, sealer: Sealer, failed: (error: unknown) => void) {
    this.#transport = transport;
    this.#sealer = sealer;
    this.#failed = failed;
    transport.onDrain(() => {
      if (this.#ring.length + this.#control.length > 0 && !this.#scheduled) this.#run();
    });
  }

  /** Queues a frame that neither waits for credit nor for its turn. */
  control(frame: Outgoing): void {
    if (this.#stopped) return;
    this.#control.push(frame);
    if (this.#control.length > limits.controlFrames) {
      this.#failed(new WardError('limit-exceeded', 'The peer causes answers faster than it reads them.'));
      return;
    }
    this.#schedule();
  }

  /** Puts a stream that became ready into the ring. */
  wake(source: Source): void {
    if (this.#stopped || source.queued || !source.ready) return;
    source.queued = true;
    this.#ring.push(source);
    this.#schedule();
  }

  /** Sends the control frames that wait and nothing after them. */
  stop(last?: Outgoing): void {
    if (this.#stopped) return;
    if (last !== undefined) this.#control.push(last);
    this.#ring = [];
    this.#stopped = true;
    try {
      const out: Buffer[] = [];
      this.#drainControl(out);
      if (out.length > 0) this.#transport.send(out);
    } catch {
      // The key is used up or the connection is gone: there is nothing left to say it with.
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    if (this.#stopped) return;
    try {
      const out: Buffer[] = [];
      let bytes = this.#transport.bufferedAmount;
      // A peer that asks and never reads fills the transport once; from then on its answers wait here, where they are counted.
      if (bytes < limits.bufferedBytes) bytes += this.#drainControl(out);
      while (this.#ring.length > 0 && bytes < limits.bufferedBytes) {
        const source = this.#ring.shift()!;
        const frame = source.take();
        if (frame !== undefined) bytes += this.#seal(out, frame);
        source.queued = source.ready;
        if (source.queued) this.#ring.push(source);
      }
      if (out.length > 0) this.#transport.send(out);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #drainControl(out: Buffer[]): number {
    let bytes = 0;
    const frames = this.#control;
    this.#control = [];
    for (const frame of frames) bytes += this.#seal(out, frame);
    return bytes;
  }

  #seal(out: Buffer[], frame: Outgoing): number {
    this.#sealer.seal(out, frame.type, frame.flags, frame.stream, frame.prefix, frame.payload);
    return frame.payload.length + 64;
  }
}
