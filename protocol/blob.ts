/**
 * Blobs: contents named by their SHA-256, each on a stream of its own from client to server. The receiver is told digest and
 * size first and must hash what comes: a blob is nobody's until its digest was checked.
 *
 * @module
 */
import { toWardError, WardError } from './errors.ts';
import { BLOB_PREFIX_BYTES } from './frame.ts';
import { limits } from './limits.ts';
import { unpack } from './packing.ts';
import type { ChannelStream } from './stream.ts';

const ignore = (): void => {};

/** A blob on its way in. Attacker-controlled: digest and size are claims. Exactly `size` bytes come, or a reset. */
export class IncomingBlob {
  readonly digest: Buffer;
  readonly size: number;
  readonly #stream: ChannelStream;
  readonly #packed: Buffer[] | undefined;
  /** Bytes that may still come. */
  #left: number;
  #onData: (chunk: Buffer) => void = ignore;
  #onEnd: () => void = ignore;
  #onReset: (error: WardError) => void = ignore;

  constructor(stream: ChannelStream, prefix: Buffer, packed: boolean) {
    this.#stream = stream;
    this.digest = Buffer.from(prefix.subarray(0, 32));
    const size = prefix.readBigUInt64BE(32);
    const most = packed ? limits.packedBlobBytes : limits.blobBytes;
    if (size > BigInt(most)) {
      throw new WardError('limit-exceeded', `A blob announces ${size} bytes; at most ${most} are allowed.`);
    }
    this.size = Number(size);
    this.#packed = packed ? [] : undefined;
    this.#left = this.size;
    stream.onData((chunk) => {
      this.#left -= chunk.length;
      if (this.#left < 0) throw new WardError('protocol-violation', 'A blob is longer than it announced.');
      if (this.#packed === undefined) return this.#onData(chunk);
      this.#packed.push(Buffer.from(chunk));
      stream.consumed(chunk.length);
    });
    stream.onEnd(() => {
      if (this.#packed !== undefined) return void this.#unpack(this.#packed);
      if (this.#left !== 0) throw new WardError('protocol-violation', 'A blob is shorter than it announced.');
      this.#onEnd();
    });
    stream.onReset((error) => this.#onReset(error));
  }

  onData(callback: (chunk: Buffer) => void): void {
    this.#onData = callback;
  }

  onEnd(callback: () => void): void {
    this.#onEnd = callback;
  }

  /** The blob will not come whole. */
  onReset(callback: (error: WardError) => void): void {
    this.#onReset = callback;
  }

  /** Gives credit for bytes that came by onData; those of a packed blob had theirs when they came. */
  consumed(bytes: number): void {
    if (this.#packed === undefined) this.#stream.consumed(bytes);
  }

  /** Refuses the rest. */
  reset(error: WardError): void {
    this.#stream.reset(error);
  }

  async #unpack(packed: readonly Buffer[]): Promise<void> {
    let content: Buffer;
    try {
      content = await unpack(Buffer.concat(packed), this.size);
    } catch (thrown) {
      const error = toWardError(thrown);
      this.reset(error);
      return this.#onReset(error);
    }
    this.#onData(content);
    this.#onEnd();
  }
}

/** Cuts the payload of a BLOB frame. */
export const splitBlob = (payload: Buffer): { prefix: Buffer; first: Buffer } => ({
  prefix: payload.subarray(0, BLOB_PREFIX_BYTES),
  first: payload.subarray(BLOB_PREFIX_BYTES),
});
