/**
 * Tags of keyed frames: AES-256-GCM over header and payload as additional data, with an empty ciphertext. The payload
 * stays in clear because TLS or SSH encrypts it; nothing is copied to be protected. The nonce is direction and sequence,
 * so a frame that is repeated, skipped, reordered or reflected never verifies.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { WardError } from './errors.ts';
import { FLAG_END, HEADER_BYTES, TAG_BYTES, writeHeader } from './frame.ts';
import type { Frame } from './frame.ts';
import { limits } from './limits.ts';

export type Direction = 'c2s' | 's2c';

const options = { authTagLength: TAG_BYTES } as const;
const nothing = Buffer.alloc(0);

const nonceFor = (direction: Direction): Buffer => {
  const nonce = Buffer.alloc(12);
  nonce.write(direction, 0, 'latin1');
  return nonce;
};

const setSequence = (nonce: Buffer, sequence: number): void => {
  nonce.writeUInt32BE(Math.floor(sequence / 0x1_0000_0000), 4);
  nonce.writeUInt32BE(sequence % 0x1_0000_0000, 8);
};

/** Protects the frames of one direction. Each sequence number is used once. */
export class Sealer {
  readonly #key: KeyObject;
  readonly #nonce: Buffer;
  #sequence: number;

  constructor(key: Buffer, direction: Direction, firstSequence = 0) {
    this.#key = createSecretKey(key);
    this.#nonce = nonceFor(direction);
    this.#sequence = firstSequence;
  }

  /**
   * Appends header, payload (by reference) and tag of one frame to `out`. Throws `limit-exceeded` when the key has
   * protected as many frames as it may.
   */
  seal(out: Buffer[], type: number, flags: number, stream: number, prefix: Buffer | undefined, payload: Buffer): void {
    if (this.#sequence >= limits.framesPerKey) {
      throw new WardError('limit-exceeded', 'This session has sent as many frames as its keys allow.');
    }
    const prefixLength = prefix?.length ?? 0;
    const header = Buffer.allocUnsafe(HEADER_BYTES + prefixLength);
    writeHeader(header, 0, type, flags, stream, this.#sequence, prefixLength + payload.length);
    if (prefix !== undefined) prefix.copy(header, HEADER_BYTES);
    setSequence(this.#nonce, this.#sequence);
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce, options);
    cipher.setAAD(header);
    if (payload.length > 0) cipher.setAAD(payload);
    cipher.final();
    this.#sequence += 1;
    out.push(header);
    if (payload.length > 0) out.push(payload);
    out.push(cipher.getAuthTag());
  }
}

/** Checks the frames of one direction. */
export class Opener {
  readonly #key: KeyObject;
  readonly #nonce: Buffer;
  #sequence: number;

  constructor(key: Buffer, direction: Direction, firstSequence = 0) {
    this.#key = createSecretKey(key);
    this.#nonce = nonceFor(direction);
    this.#sequence = firstSequence;
  }

  /** Throws `bad-sequence` or `bad-tag` unless this is exactly the next frame of the peer. */
  open(frame: Frame): void {
    if (frame.sequence !== this.#sequence) {
      throw new WardError('bad-sequence', `Frame ${this.#sequence} was expected and frame ${frame.sequence} came.`);
    }
    if (frame.sequence >= limits.framesPerKey) throw new WardError('limit-exceeded', 'The peer has sent more frames than its keys allow.');
    setSequence(this.#nonce, this.#sequence);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce, options);
    decipher.setAAD(frame.covered);
    try {
      decipher.setAuthTag(frame.tag ?? nothing);
      decipher.final();
    } catch {
      throw new WardError('bad-tag', `Frame ${this.#sequence} fails its integrity check.`);
    }
    this.#sequence += 1;
  }
}

/** True when the sender of `frame` sends nothing more on its stream. */
export const isEnd = (frame: Frame): boolean => (frame.flags & FLAG_END) !== 0;
