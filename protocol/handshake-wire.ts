/**
 * The unkeyed part of a connection: single frames in strict turns, each added to the transcript as raw bytes, under limits of
 * size, number and time. Ends by handing transport and decoder over to a channel, or by an ALERT and a closed connection.
 *
 * @module
 */
import { decodeError, encodeError } from './alert.ts';
import { errorTable, toWardError, WardError } from './errors.ts';
import { encodeFrame, FrameDecoder, frameType } from './frame.ts';
import type { Frame } from './frame.ts';
import { limits } from './limits.ts';
import { Transcript } from './transcript.ts';
import type { Role } from './transcript.ts';
import type { Transport } from './transport.ts';

/** TLS exporter of the connection (label, length); undefined where there is no TLS. */
export type Exporter = (label: string, length: number) => Buffer | undefined;

/** What an authenticator that exchanges AUTH frames (Kerberos) may use. Turns alternate, starting with the client. */
export interface AuthIo {
  /** Sends one AUTH frame. */
  send(payload: Buffer): void;
  /** The next AUTH frame of the peer. Attacker-controlled. */
  receive(): Promise<Buffer>;
  /** Hash of every raw byte so far, both hellos included. */
  transcript(): Buffer;
  exporter: Exporter;
  /** Aborted when the handshake ends otherwise (time, a violation): stop what is under way. */
  signal: AbortSignal;
}

export class HandshakeWire {
  readonly transport: Transport;
  readonly decoder = new FrameDecoder();
  readonly transcript = new Transcript();
  readonly #role: Role;
  readonly #peer: Role;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #received = 0;
  #bytes = 0;
  #failure: WardError | undefined;
  #closed: WardError | undefined;
  #waiting: { resolve: (frame: Frame) => void; reject: (error: WardError) => void } | undefined;

  constructor(transport: Transport, role: Role, timeoutMs: number = limits.handshakeMs) {
    this.transport = transport;
    this.#role = role;
    this.#peer = role === 'client' ? 'server' : 'client';
    const late = (): void => this.#fail(new WardError('handshake-timeout', `The handshake did not end within ${timeoutMs} ms.`));
    this.#timer = setTimeout(late, timeoutMs);
    transport.onClose((reason) => {
      this.#closed = new WardError('session-lost', `The connection ended during the handshake: ${reason}.`);
      // Frames that came before the end are still read: the last of them may say why.
      if (this.#waiting !== undefined) this.#fail(this.#closed);
    });
    transport.onData((chunk) => this.#take(chunk));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  send(type: number, payload: Buffer): void {
    if (this.#failure !== undefined) throw this.#failure;
    const raw = encodeFrame(type, 0, 0, this.#sent++, payload);
    this.transcript.add(this.#role, raw);
    this.transport.send([raw]);
  }

  /** The next frame of the peer, which must have this type. An ALERT is thrown as the error it carries. */
  async receive(type: number): Promise<Buffer> {
    const frame = await this.#nextFrame();
    if (frame.sequence !== this.#received) {
      throw new WardError('bad-sequence', `Frame ${this.#received} was expected and frame ${frame.sequence} came.`);
    }
    this.#received += 1;
    if (frame.type === frameType.ALERT) {
      this.#fail(decodeError(frame.payload), false);
      throw this.#failure;
    }
    if (frame.type !== type) throw new WardError('protocol-violation', 'The peer sent a handshake frame out of turn.');
    this.transcript.add(this.#peer, frame.covered);
    return Buffer.from(frame.payload);
  }

  /** Ends the unkeyed part; the caller takes over transport and decoder in the same tick. */
  finish(): void {
    if (this.#failure !== undefined) throw this.#failure;
    clearTimeout(this.#timer);
  }

  /** Ends everything: tells the peer why (unless the peer told us) and closes. Returns the error to throw. */
  abandon(thrown: unknown): WardError {
    const error = this.#failure ?? toWardError(thrown);
    this.#fail(error);
    return error;
  }

  #nextFrame(): Promise<Frame> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const frame = this.decoder.next();
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.#closed !== undefined) {
      this.#fail(this.#closed);
      return Promise.reject(this.#closed);
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #take(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    this.#bytes += chunk.length;
    this.decoder.push(chunk);
    try {
      if (this.#bytes > limits.handshakeBytes) {
        throw new WardError('limit-exceeded', `The peer sent more than ${limits.handshakeBytes} bytes before it was authenticated.`);
      }
      if (this.decoder.waiting > limits.handshakePieces) {
        throw new WardError('limit-exceeded', 'The peer sent too many pieces before it was authenticated.');
      }
      if (this.#waiting === undefined) return;
      const frame = this.decoder.next();
      if (frame === undefined) return;
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve(frame);
    } catch (thrown) {
      this.#fail(toWardError(thrown));
    }
  }

  #fail(error: WardError, tell = true): void {
    clearTimeout(this.#timer);
    if (this.#failure !== undefined) return;
    this.#failure = error;
    // The text of an unexpected error may tell an unauthenticated peer too much.
    const told = error.code === 'internal' ? new WardError('internal', errorTable.internal.means) : error;
    if (tell) this.transport.send([encodeFrame(frameType.ALERT, 0, 0, this.#sent++, encodeError(told))]);
    this.transport.close();
    this.#abort.abort(error);
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

/** The AUTH frames of a wire, limited in number. `before` runs ahead of the first use. */
export const authIo = (wire: HandshakeWire, exporter: Exporter, before: () => void): AuthIo => {
  let sent = 0;
  let received = 0;
  const count = (number: number): void => {
    if (number > limits.authFrames) throw new WardError('limit-exceeded', 'The authentication took too many steps.');
  };
  return {
    send: (payload) => {
      before();
      count(++sent);
      wire.send(frameType.AUTH, payload);
    },
    receive: () => {
      before();
      count(++received);
      return wire.receive(frameType.AUTH);
    },
    transcript: () => wire.transcript.digest(),
    exporter,
    signal: wire.signal,
  };
};
