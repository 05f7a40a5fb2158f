/**
 * The data types of SSH (RFC 4251 section 5), read from bytes. Attacker-controlled: every read is bounded by what is there.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';

export class WireReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  /** `what` stands in the sentence of an error: `The SSH certificate`. */
  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.#take(1).readUInt8();
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  uint64(): bigint {
    return this.#take(8).readBigUInt64BE();
  }

  string(): Buffer {
    return this.#take(this.uint32());
  }

  /** A string of UTF-8. */
  text(): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.string());
    } catch (cause) {
      if (cause instanceof WardError) throw cause;
      throw this.#malformed(cause);
    }
  }

  /** Strings to the end. */
  strings(): Buffer[] {
    const found: Buffer[] = [];
    while (!this.isAtEnd) found.push(this.string());
    return found;
  }

  /** A reader of the bytes of a string. */
  nested(): WireReader {
    return new WireReader(this.string(), this.#what);
  }

  /** @throws WardError when bytes are left */
  end(): void {
    if (!this.isAtEnd) throw this.#malformed();
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw this.#malformed();
    return this.#bytes.subarray(this.#at, (this.#at += length));
  }

  #malformed(cause?: unknown): WardError {
    return new WardError('certificate-invalid', `${this.#what} is malformed.`, { cause });
  }
}

/** A string of SSH: its length and its bytes. */
export const wireString = (content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
