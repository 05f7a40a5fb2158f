/**
 * One stream of a channel: messages and data of one job, in order, both ways. Data needs credit that the receiver gives as it
 * consumes, messages do not. A stream is over when both sides have ended it or one has reset it.
 *
 * @module
 */
import { encodeError } from './alert.ts';
import { WardError } from './errors.ts';
import { FLAG_END, FLAG_PACKED, frameType } from './frame.ts';
import { limits } from './limits.ts';
import type { Message } from './messages.ts';
import { encodeMessage } from './schemas.ts';
import type { Outgoing, Source } from './scheduler.ts';
import type { StartList } from './start-list.ts';

/** What a stream needs of its channel. */
export interface StreamOwner {
  wake(source: Source): void;
  control(frame: Outgoing): void;
  /** The stream is over: forget it. */
  over(stream: ChannelStream): void;
}

export interface SendOptions {
  /** Nothing follows on this stream. */
  end?: boolean;
}

/** A stream as its users see it. Callbacks: one consumer each, to be set in the tick in which the stream appears. */
export interface Stream {
  readonly id: number;
  send(message: Message, options?: SendOptions): void;
  /** Sends by reference; resolves when all of it has been handed to the transport. Rejects when the stream is reset before. */
  write(chunk: Buffer, options?: SendOptions): Promise<void>;
  /** Messages of the peer after the first, valid by schema. */
  onMessage<M extends Message>(callback: (message: M) => void): void;
  /** Server: the client takes the offer. To be read in the same tick. */
  onStart(callback: (list: StartList) => void): void;
  /** Attacker-controlled bytes. Views of receive buffers: copy what is kept long. */
  onData(callback: (chunk: Buffer) => void): void;
  /** Gives credit for bytes that came by onData. */
  consumed(bytes: number): void;
  onEnd(callback: () => void): void;
  /** The peer reset the stream, or the session ended. */
  onReset(callback: (error: WardError) => void): void;
  /** Ends the stream both ways at once and tells the peer why. */
  reset(error: WardError): void;
}

interface Pending {
  readonly type: number;
  readonly end: boolean;
  readonly prefix: Buffer | undefined;
  /** Flags of the first frame. */
  readonly flags: number;
  payload: Buffer;
  /** Handed over entirely (undefined error) or never. */
  readonly settle: ((error?: WardError) => void) | undefined;
}

const ignore = (): void => {};

export class ChannelStream implements Stream, Source {
  readonly id: number;
  queued = false;
  readonly #owner: StreamOwner;
  // Sending
  #queue: Pending[] = [];
  #credit: number = limits.streamWindow;
  #ended = false;
  /** The opening frame has left: the peer knows this stream. */
  #known: boolean;
  // Receiving
  #window: number = limits.streamWindow;
  #unreported = 0;
  #peerEnded = false;
  #over = false;
  #onMessage: (message: never) => void = ignore;
  #onStart: (list: StartList) => void = ignore;
  #onData: (chunk: Buffer) => void = ignore;
  #onEnd: () => void = ignore;
  #onReset: (error: WardError) => void = ignore;

  constructor(id: number, owner: StreamOwner, known: boolean) {
    this.id = id;
    this.#owner = owner;
    this.#known = known;
  }

  onMessage<M extends Message>(callback: (message: M) => void): void {
    this.#onMessage = callback as (message: never) => void;
  }

  onStart(callback: (list: StartList) => void): void {
    this.#onStart = callback;
  }

  onData(callback: (chunk: Buffer) => void): void {
    this.#onData = callback;
  }

  onEnd(callback: () => void): void {
    this.#onEnd = callback;
  }

  onReset(callback: (error: WardError) => void): void {
    this.#onReset = callback;
  }

  send(message: Message, options: SendOptions = {}): void {
    const payload = encodeMessage(message);
    this.#enqueue({ type: frameType.MESSAGE, end: options.end ?? false, prefix: undefined, flags: 0, payload, settle: undefined });
  }

  write(chunk: Buffer, options: SendOptions = {}): Promise<void> {
    return this.#body({ type: frameType.DATA, prefix: undefined, flags: 0 }, chunk, options.end ?? false);
  }

  /** The whole of a blob: digest and size ahead of the first bytes, END at the last. `packed` goes in place of the content. */
  sendBlob(digest: Buffer, content: Buffer, packed?: Buffer): Promise<void> {
    const prefix = Buffer.allocUnsafe(40);
    digest.copy(prefix, 0, 0, 32);
    prefix.writeBigUInt64BE(BigInt(content.length), 32);
    const flags = packed === undefined ? 0 : FLAG_PACKED;
    const sent = this.#body({ type: frameType.BLOB, prefix, flags }, packed ?? content, true);
    this.#peerEnded = true;
    return sent;
  }

  /** START, which goes ahead of everything that waits and is sent whatever becomes of the stream; `rest` follows as DATA. */
  sendStart(flags: number, payload: Buffer, rest: Buffer): void {
    const whole = rest.length === 0;
    this.#owner.control({ type: frameType.START, flags: whole ? flags | FLAG_END : flags, stream: this.id, payload });
    if (whole) this.#ended = true;
    else this.write(rest, { end: true }).catch(ignore);
  }

  consumed(bytes: number): void {
    this.#unreported += bytes;
    if (this.#peerEnded || this.#over || this.#unreported < limits.streamWindow / 4) return;
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(this.#unreported);
    this.#window += this.#unreported;
    this.#unreported = 0;
    this.#owner.control({ type: frameType.WINDOW, flags: 0, stream: this.id, payload });
  }

  reset(error: WardError): void {
    if (this.#over) return;
    if (this.#known) this.#owner.control({ type: frameType.RESET, flags: 0, stream: this.id, payload: encodeError(error) });
    this.#finish(error);
  }

  get isOver(): boolean {
    return this.#over;
  }

  // For the scheduler

  get ready(): boolean {
    const first = this.#queue[0];
    if (first === undefined) return false;
    return first.type === frameType.MESSAGE || this.#credit > 0 || first.payload.length === 0;
  }

  take(): Outgoing | undefined {
    const first = this.#queue[0];
    if (first === undefined || !this.ready) return undefined;
    const flow = first.type !== frameType.MESSAGE;
    const size = flow ? Math.min(first.payload.length, limits.pieceBytes, this.#credit) : first.payload.length;
    const whole = size === first.payload.length;
    const payload = whole ? first.payload : first.payload.subarray(0, size);
    if (flow) this.#credit -= size;
    const frame: Outgoing = { type: first.type, flags: first.flags | (whole && first.end ? FLAG_END : 0), stream: this.id, prefix: first.prefix, payload };
    this.#known = true;
    if (whole) {
      this.#queue.shift();
      first.settle?.();
      if (first.end) this.#halfOver();
    } else {
      this.#queue[0] = { ...first, type: frameType.DATA, prefix: undefined, flags: 0, payload: first.payload.subarray(size) };
    }
    return frame;
  }

  /** This side sends nothing on the stream. */
  endSilently(): void {
    this.#ended = true;
  }

  // For the channel: what the peer sent. Attacker-controlled.

  gotMessage(message: Message, end: boolean): void {
    if (this.#over) return;
    this.#mayReceive();
    this.#onMessage(message as never);
    if (end) this.gotEnd();
  }

  gotStart(list: StartList, end: boolean): void {
    if (this.#over) return;
    this.#mayReceive();
    this.#onStart(list);
    if (end) this.gotEnd();
  }

  gotData(chunk: Buffer, end: boolean): void {
    if (this.#over) return;
    this.#mayReceive();
    this.#window -= chunk.length;
    if (this.#window < 0) throw new WardError('limit-exceeded', `The peer sent more on stream ${this.id} than it had credit for.`);
    if (chunk.length > 0) this.#onData(chunk);
    if (end) this.gotEnd();
  }

  gotEnd(): void {
    if (this.#over) return;
    this.#peerEnded = true;
    this.#onEnd();
    if (this.#ended && this.#queue.length === 0) this.#finish(undefined);
  }

  gotCredit(bytes: number): void {
    if (this.#over) return;
    this.#credit += bytes;
    if (this.#credit > limits.maxCredit) {
      throw new WardError('limit-exceeded', `The peer gave more credit on stream ${this.id} than is allowed.`);
    }
    this.#owner.wake(this);
  }

  /** Reset by the peer, or with the session. */
  gotReset(error: WardError): void {
    if (this.#over) return;
    this.#finish(error);
    this.#onReset(error);
  }

  #mayReceive(): void {
    if (this.#peerEnded) throw new WardError('protocol-violation', `The peer went on sending on stream ${this.id} after it had ended it.`);
  }

  #body(first: Pick<Pending, 'type' | 'prefix' | 'flags'>, payload: Buffer, end: boolean): Promise<void> {
    const sent = new Promise<void>((resolve, reject) => {
      this.#enqueue({ ...first, end, payload, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    });
    // Callers that stream without waiting learn of a reset by onReset.
    sent.catch(ignore);
    return sent;
  }

  #enqueue(pending: Pending): void {
    if (this.#over) {
      pending.settle?.(new WardError('session-lost', 'The stream is over.'));
      return;
    }
    if (this.#ended) throw new WardError('internal', 'A stream was used after its end.');
    this.#ended = pending.end;
    this.#queue.push(pending);
    this.#owner.wake(this);
  }

  #halfOver(): void {
    if (this.#peerEnded) this.#finish(undefined);
  }

  #finish(error: WardError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    const unsent = this.#queue;
    this.#queue = [];
    // Most streams end with nothing left to send, and an error that nobody reads costs a walk over the stack.
    if (unsent.length > 0) {
      const reason = error ?? new WardError('session-lost', 'The stream is over.');
      for (const pending of unsent) pending.settle?.(reason);
    }
    this.#owner.over(this);
  }
}
