/**
 * One end of the connection between two processes of a server: requests with answers, and notices without.
 *
 * On the wire a message is `{request: id, body}`, `{answer: id, body}`, `{error: id, body: {code, message, at, rule}}` or `{notice: true,
 * body}`. What always holds: each request gets one answer or an error; when the connection ends, every open request fails with
 * `session-lost`; a peer that breaks the form is disconnected.
 *
 * @module
 */
import type { Socket } from 'node:net';
import { isErrorCode, toWardError, WardError } from '../../protocol/errors.ts';
import { Turns } from '../../protocol/turns.ts';
import { defaultIpcLimits, encodeMessage, MessageDecoder, type IpcLimits, type IpcMessage } from './framing.ts';

export type IpcAnswer = { readonly json: object; readonly binary?: Buffer | undefined };
export type RequestHandler = (json: any, binary: Buffer) => Promise<IpcAnswer>;
export type NoticeHandler = (json: any, binary: Buffer) => void;

export interface IpcPeerOptions {
  /** Limits of both directions. */
  readonly limits?: IpcLimits;
  /** Who is at the other end, for sentences. */
  readonly name?: string;
  /** Requests of the other side that may be open at once; one more ends the connection. Default 4096. */
  readonly maxOpenRequests?: number;
}

interface Waiting {
  readonly resolve: (answer: { json: any; binary: Buffer }) => void;
  readonly reject: (error: WardError) => void;
}

export class IpcPeer {
  /** Resolves, never rejects, when the connection has ended for whatever reason. */
  readonly closed: Promise<void>;
  name: string;
  readonly #socket: Socket;
  readonly #decoder: MessageDecoder;
  readonly #turns: Turns;
  readonly #limits: IpcLimits;
  readonly #waiting = new Map<number, Waiting>();
  readonly #maxOpenRequests: number;
  #openRequests = 0;
  #nextId = 1;
  #ended = false;
  /** Something came that may not come: what follows it is not heard. */
  #broken = false;
  #corked = false;
  #onRequest: RequestHandler | undefined;
  #onNotice: NoticeHandler | undefined;
  /** What came before its handler was set. */
  #earlyRequests: IpcMessage[] = [];
  #earlyNotices: IpcMessage[] = [];

  constructor(socket: Socket, options: IpcPeerOptions = {}) {
    this.#socket = socket;
    this.#limits = options.limits ?? defaultIpcLimits;
    this.#decoder = new MessageDecoder(this.#limits);
    this.#turns = new Turns(() => this.#receive(), socket);
    this.#maxOpenRequests = options.maxOpenRequests ?? 4096;
    this.name = options.name ?? 'peer';
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#turns.finish();
        this.#ended = true;
        const lost = this.#lost();
        for (const waiting of this.#waiting.values()) waiting.reject(lost);
        this.#waiting.clear();
        resolve();
      });
    });
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#decoder.push(chunk);
      this.#turns.begin();
    });
    socket.once('end', () => socket.end());
  }

  /** Asks and waits. Rejects with the other side's WardError, or `session-lost` when it went away. */
  request(json: object, binary?: Buffer): Promise<{ json: any; binary: Buffer }> {
    if (this.#ended) return Promise.reject(this.#lost());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      try {
        this.#write({ request: id, body: json }, binary);
      } catch (error) {
        this.#waiting.delete(id);
        reject(toWardError(error));
      }
    });
  }

  /** Says something that has no answer; nothing happens if the other side is gone. */
  notify(json: object, binary?: Buffer): void {
    if (!this.#ended) this.#write({ notice: true, body: json }, binary);
  }

  /** Sets who answers. What the handler throws is sent as an error. Requests that came before wait for it. */
  onRequest(handler: RequestHandler): void {
    this.#onRequest = handler;
    const early = this.#earlyRequests;
    this.#earlyRequests = [];
    for (const message of early) this.#handle(message);
  }

  /** Sets who listens to notices. Those that came before wait for it. */
  onNotify(handler: NoticeHandler): void {
    this.#onNotice = handler;
    const early = this.#earlyNotices;
    this.#earlyNotices = [];
    for (const message of early) this.#handle(message);
  }

  /** Bytes that were given to `request` or `notify` and not yet taken by the system. */
  get bufferedAmount(): number {
    return this.#socket.writableLength;
  }

  /** Sends what is buffered and ends the connection. */
  close(): void {
    this.#ended = true;
    this.#socket.end();
    // A peer that never reads must not keep this process alive.
    this.#socket.setTimeout(2000, () => this.#socket.destroy());
  }

  #lost(): WardError {
    return new WardError('session-lost', `The ${this.name} process ended before it answered.`);
  }

  #write(envelope: object, binary?: Buffer): void {
    const parts = encodeMessage(envelope, binary, this.#limits);
    // All messages of one turn of the event loop leave in one system call.
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    for (const part of parts) this.#socket.write(part);
  }

  /** Takes one message; false: there is none. */
  #receive(): boolean {
    try {
      const message = this.#broken ? undefined : this.#decoder.next();
      if (message === undefined) return false;
      this.#handle(message);
      return true;
    } catch {
      this.#broken = true;
      this.#socket.destroy();
      return false;
    }
  }

  /** Attacker-controlled: the form is checked here, the content by the handler. */
  #handle(message: IpcMessage): void {
    const { json, binary } = message;
    const body = json['body'];
    if (typeof body !== 'object' || body === null) throw new WardError('protocol-violation', 'An internal message has no body.');
    if (typeof json['request'] === 'number') {
      if (this.#onRequest === undefined) this.#keep(this.#earlyRequests, message);
      else void this.#answer(json['request'], this.#onRequest, body, binary);
    } else if (json['notice'] === true) {
      if (this.#onNotice === undefined) this.#keep(this.#earlyNotices, message);
      else this.#onNotice(body, binary);
    } else {
      const id = json['answer'] ?? json['error'];
      const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
      if (waiting === undefined) throw new WardError('protocol-violation', 'An answer came to a question that nobody asked.');
      this.#waiting.delete(id as number);
      if (json['error'] === undefined) waiting.resolve({ json: body, binary });
      else waiting.reject(decodeError(body as Record<string, unknown>));
    }
  }

  #keep(early: IpcMessage[], message: IpcMessage): void {
    if (early.length >= this.#maxOpenRequests) throw new WardError('limit-exceeded', 'Too many messages before anybody listens.');
    early.push(message);
  }

  async #answer(id: number, handler: RequestHandler, body: object, binary: Buffer): Promise<void> {
    if (this.#openRequests >= this.#maxOpenRequests) {
      this.#broken = true;
      this.#socket.destroy();
      return;
    }
    this.#openRequests += 1;
    try {
      const { json, binary: answerBinary } = await handler(body, binary);
      if (!this.#ended) this.#write({ answer: id, body: json }, answerBinary);
    } catch (thrown) {
      const { code, message, at, rule } = toWardError(thrown);
      if (!this.#ended) this.#write({ error: id, body: { code, message, at, rule } });
    } finally {
      this.#openRequests -= 1;
    }
  }
}

const decodeError = ({ code, message, at, rule }: Record<string, unknown>): WardError =>
  new WardError(typeof code === 'string' && isErrorCode(code) ? code : 'internal', String(message).slice(0, 4096), {
    ...(typeof at === 'string' ? { at } : {}),
    ...(typeof rule === 'string' ? { rule } : {}),
  });
