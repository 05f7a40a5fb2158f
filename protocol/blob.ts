/**
 * Blobs: contents named by their SHA-256, each on a stream of its own from client to server. The receiver is told digest and
 * size first and must hash what comes: a blob is nobody's until its digest was checked.
 *
 * @module
 */
import { WardError } from './errors.ts';
import { BLOB_PREFIX_BYTES } from './frame.ts';
import { limits } from './limits.ts';
import type { ChannelStream } from './stream.ts';

const ignore = (): void => {};

/** A blob on its way in. Attacker-controlled: digest and size are claims. Exactly `size` bytes come, or a reset. */
export class IncomingBlob {
  readonly digest: Buffer;
  readonly size: number;
  readonly #stream: ChannelStream;
  #left: number;
  #onData: (chunk: Buffer) => void = ignore;
  #onEnd: () => void = ignore;

  constructor(stream: ChannelStream, prefix: Buffer) {
    this.#stream = stream;
    this.digest = Buffer.from(prefix.subarray(0, 32));
    const size = prefix.readBigUInt64BE(32);
    if (size > BigInt(limits.blobBytes)) {
      throw new WardError('limit-exceeded', `A blob announces ${size} bytes; at most ${limits.blobBytes} are allowed.`);
    }
    this.size = Number(size);
    this.#left = this.size;
    stream.onData((chunk) => {
      this.#left -= chunk.length;
      if (this.#left < 0) throw new WardError('protocol-violation', 'A blob is longer than it announced.');
      this.#onData(chunk);
    });
    stream.onEnd(() => {
      if (this.#left !== 0) throw new WardError('protocol-violation', 'A blob is shorter than it announced.');
      this.#onEnd();
    });
  }

  onData(callback: (chunk: Buffer) => void): void {
    this.#onData = callback;
  }

  onEnd(callback: () => void): void {
    this.#onEnd = callback;
  }

  onReset(callback: (error: WardError) => void): void {
    this.#stream.onReset(callback);
  }

  /** Gives credit for bytes that came by onData. */
  consumed(bytes: number): void {
    this.#stream.consumed(bytes);
  }

  /** Refuses the rest. */
  reset(error: WardError): void {
    this.#stream.reset(error);
  }
}

/** Cuts the payload of a BLOB frame. */
export const splitBlob = (payload: Buffer): { prefix: Buffer; first: Buffer } => ({
  prefix: payload.subarray(0, BLOB_PREFIX_BYTES),
  first: payload.subarray(BLOB_PREFIX_BYTES),
});
