/**
 * Frames: what the byte stream of a connection consists of. A frame is a 20-byte header, a payload and, once there are
 * keys, a 16-byte tag. The decoder is incremental and copies nothing when a chunk holds whole frames: payloads are views
 * of the chunk. Header, type, flags, stream and length are checked against one table before a payload is waited for.
 *
 * @module
 */
import { WardError } from './errors.ts';
import { limits } from './limits.ts';

export const HEADER_BYTES = 20;
export const TAG_BYTES = 16;
/** Content offset in the payload of a BLOB frame: digest (32) and size (8). */
export const BLOB_PREFIX_BYTES = 40;

export const frameType = Object.freeze({
  HELLO: 1, AUTH: 2, ALERT: 3, MESSAGE: 16, DATA: 17, BLOB: 18, WINDOW: 19, RESET: 20, PING: 21, PONG: 22,
});

/** Flag of MESSAGE, DATA and BLOB: the sender sends nothing more on this stream. */
export const FLAG_END = 1;

interface FrameRule {
  readonly name: string;
  /** In which phase it may come: before the keys, after, or in both. */
  readonly phase: 'handshake' | 'keyed' | 'both';
  readonly flags: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly stream: 'zero' | 'job' | 'any';
}

const rule = (name: string, phase: FrameRule['phase'], flags: number, minimum: number, maximum: number, stream: FrameRule['stream']): FrameRule =>
  ({ name, phase, flags, minimum, maximum, stream });

const rules: readonly (FrameRule | undefined)[] = Object.assign(new Array<FrameRule | undefined>(256).fill(undefined), {
  [frameType.HELLO]: rule('HELLO', 'handshake', 0, 1, limits.helloBytes, 'zero'),
  [frameType.AUTH]: rule('AUTH', 'handshake', 0, 1, limits.authBytes, 'zero'),
  [frameType.ALERT]: rule('ALERT', 'both', 0, 2, limits.errorBytes, 'zero'),
  [frameType.MESSAGE]: rule('MESSAGE', 'keyed', FLAG_END, 2, limits.messageBytes, 'any'),
  [frameType.DATA]: rule('DATA', 'keyed', FLAG_END, 0, limits.pieceBytes, 'job'),
  [frameType.BLOB]: rule('BLOB', 'keyed', FLAG_END, BLOB_PREFIX_BYTES, BLOB_PREFIX_BYTES + limits.pieceBytes, 'job'),
  [frameType.WINDOW]: rule('WINDOW', 'keyed', 0, 4, 4, 'job'),
  [frameType.RESET]: rule('RESET', 'keyed', 0, 2, limits.errorBytes, 'job'),
  [frameType.PING]: rule('PING', 'keyed', 0, 8, 8, 'zero'),
  [frameType.PONG]: rule('PONG', 'keyed', 0, 8, 8, 'zero'),
});

/** One frame as it arrived. The buffers are views of received chunks: keep them only as long as needed. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly sequence: number;
  /** Header and payload: what the tag covers. */
  readonly covered: Buffer;
  readonly payload: Buffer;
  readonly tag: Buffer | undefined;
}

/** Writes a frame header at `offset` of `target`. `sequence` must be a safe integer. */
export const writeHeader = (
  target: Buffer, offset: number, type: number, flags: number, stream: number, sequence: number, length: number,
): void => {
  target[offset] = type;
  target[offset + 1] = flags;
  target.writeUInt16BE(0, offset + 2);
  target.writeUInt32BE(stream, offset + 4);
  target.writeUInt32BE(Math.floor(sequence / 0x1_0000_0000), offset + 8);
  target.writeUInt32BE(sequence % 0x1_0000_0000, offset + 12);
  target.writeUInt32BE(length, offset + 16);
};

/** One frame without a tag, as the handshake sends it. */
export const encodeFrame = (type: number, flags: number, stream: number, sequence: number, payload: Buffer): Buffer => {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  writeHeader(frame, 0, type, flags, stream, sequence, payload.length);
  payload.copy(frame, HEADER_BYTES);
  return frame;
};

/** Cuts a byte stream into frames. Throws WardError at the first byte that cannot belong to a valid frame. */
export class FrameDecoder {
  /** Set once keys exist: from then on each frame carries a tag and only keyed types are admitted. */
  keyed = false;
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes that must be there before it is worth looking again. */
  #need = HEADER_BYTES;

  /** Bytes that wait for the rest of their frame. */
  get buffered(): number {
    return this.#size;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next whole frame, or undefined when more bytes are needed. */
  next(): Frame | undefined {
    if (this.#size < this.#need) return undefined;
    const header = this.#view(HEADER_BYTES);
    const length = this.#check(header);
    const tagBytes = this.keyed ? TAG_BYTES : 0;
    const total = HEADER_BYTES + length + tagBytes;
    if (this.#size < total) {
      this.#need = total;
      return undefined;
    }
    const raw = this.#view(total);
    this.#drop(total);
    this.#need = HEADER_BYTES;
    return {
      type: raw[0]!,
      flags: raw[1]!,
      stream: raw.readUInt32BE(4),
      sequence: raw.readUInt32BE(8) * 0x1_0000_0000 + raw.readUInt32BE(12),
      covered: raw.subarray(0, HEADER_BYTES + length),
      payload: raw.subarray(HEADER_BYTES, HEADER_BYTES + length),
      tag: this.keyed ? raw.subarray(HEADER_BYTES + length) : undefined,
    };
  }

  /** Attacker-controlled: nothing of a header is believed before it is compared with the table. */
  #check(header: Buffer): number {
    const known = rules[header[0]!];
    if (known === undefined) throw new WardError('protocol-violation', `A frame has the unknown type ${header[0]}.`);
    if (known.phase !== 'both' && (known.phase === 'keyed') !== this.keyed) {
      throw new WardError('protocol-violation', `A ${known.name} frame is not allowed ${this.keyed ? 'after' : 'before'} the handshake.`);
    }
    if ((header[1]! & ~known.flags) !== 0 || header.readUInt16BE(2) !== 0) {
      throw new WardError('protocol-violation', `A ${known.name} frame has unknown flags.`);
    }
    const stream = header.readUInt32BE(4);
    if ((known.stream === 'zero' && stream !== 0) || (known.stream === 'job' && stream === 0)) {
      throw new WardError('protocol-violation', `A ${known.name} frame names stream ${stream}.`);
    }
    if (header.readUInt32BE(8) >= 0x20_0000) throw new WardError('bad-sequence', `A ${known.name} frame has an impossible sequence number.`);
    const length = header.readUInt32BE(16);
    if (length > known.maximum) throw new WardError('frame-too-large', `A ${known.name} frame announces ${length} bytes; at most ${known.maximum} are allowed.`);
    if (length < known.minimum) throw new WardError('protocol-violation', `A ${known.name} frame has ${length} bytes; at least ${known.minimum} are needed.`);
    return length;
  }

  /** The first `count` buffered bytes in one piece; copies only when they lie in several chunks. */
  #view(count: number): Buffer {
    const first = this.#chunks[0]!;
    if (first.length >= count) return first.subarray(0, count);
    const whole = Buffer.allocUnsafe(count);
    let filled = 0;
    for (let index = 0; filled < count; index++) filled += this.#chunks[index]!.copy(whole, filled, 0, count - filled);
    return whole;
  }

  #drop(count: number): void {
    this.#size -= count;
    let left = count;
    let whole = 0;
    while (left > 0 && this.#chunks[whole]!.length <= left) left -= this.#chunks[whole++]!.length;
    if (whole > 0) this.#chunks.splice(0, whole);
    if (left > 0) this.#chunks[0] = this.#chunks[0]!.subarray(left);
  }
}
