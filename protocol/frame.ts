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
  HELLO: 1, AUTH: 2, ALERT: 3, MESSAGE: 16, DATA: 17, BLOB: 18, WINDOW: 19, RESET: 20, PING: 21, PONG: 22, START: 23,
});

/** Flag of MESSAGE, DATA, BLOB and START: the sender sends nothing more on this stream. */
export const FLAG_END = 1;
/** Flag of START: the dictionary of lists begins anew. */
export const FLAG_FRESH = 2;
/** Flag of BLOB: the content is packed. */
export const FLAG_PACKED = 4;

interface FrameRule {
  readonly name: string;
  /** In which phase it may come: before the keys, after, or in both. */
  readonly phase: 'handshake' | 'keyed' | 'both';
  readonly flags: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly stream: 'zero' | 'job' | 'any';
}

const rule = (
  name: string, phase: FrameRule['phase'], flags: number, minimum: number, maximum: number, stream: FrameRule['stream'],
): FrameRule => ({ name, phase, flags, minimum, maximum, stream });

const rules: readonly (FrameRule | undefined)[] = Object.assign(new Array<FrameRule | undefined>(256).fill(undefined), {
  [frameType.HELLO]: rule('HELLO', 'handshake', 0, 1, limits.helloBytes, 'zero'),
  [frameType.AUTH]: rule('AUTH', 'handshake', 0, 1, limits.authBytes, 'zero'),
  [frameType.ALERT]: rule('ALERT', 'both', 0, 2, limits.errorBytes, 'zero'),
  [frameType.MESSAGE]: rule('MESSAGE', 'keyed', FLAG_END, 2, limits.messageBytes, 'any'),
  [frameType.DATA]: rule('DATA', 'keyed', FLAG_END, 0, limits.pieceBytes, 'job'),
  [frameType.BLOB]: rule('BLOB', 'keyed', FLAG_END | FLAG_PACKED, BLOB_PREFIX_BYTES, BLOB_PREFIX_BYTES + limits.pieceBytes, 'job'),
  [frameType.WINDOW]: rule('WINDOW', 'keyed', 0, 4, 4, 'job'),
  [frameType.RESET]: rule('RESET', 'keyed', 0, 2, limits.errorBytes, 'job'),
  [frameType.PING]: rule('PING', 'keyed', 0, 8, 8, 'zero'),
  [frameType.PONG]: rule('PONG', 'keyed', 0, 8, 8, 'zero'),
  [frameType.START]: rule('START', 'keyed', FLAG_END | FLAG_FRESH, 2, limits.startBytes, 'job'),
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

/**
 * Cuts a byte stream into frames. Throws WardError at the first byte that cannot belong to a valid frame. A frame that comes in
 * pieces is put together in a buffer of its size, so that many tiny pieces cost no more than their bytes.
 */
export class FrameDecoder {
  /** Set once keys exist: from then on each frame carries a tag and only keyed types are admitted. */
  keyed = false;
  /** Received and not looked at yet. */
  #chunks: Buffer[] = [];
  /** A frame, or the header of one, that began in an earlier chunk than it ends. */
  #partial: Buffer | undefined;
  #filled = 0;

  /** Chunks that wait for `next`. */
  get waiting(): number {
    return this.#chunks.length;
  }

  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** The next whole frame, or undefined when more bytes are needed. */
  next(): Frame | undefined {
    for (;;) {
      if (this.#partial === undefined) {
        const first = this.#chunks[0];
        if (first === undefined) return undefined;
        const total = first.length < HEADER_BYTES ? HEADER_BYTES : this.#check(first);
        if (first.length >= total) {
          if (first.length === total) this.#chunks.shift();
          else this.#chunks[0] = first.subarray(total);
          return this.#frame(first.subarray(0, total));
        }
        this.#partial = Buffer.allocUnsafe(total);
        this.#filled = 0;
      }
      if (!this.#fill(this.#partial)) return undefined;
      const total = this.#check(this.#partial);
      if (this.#partial.length === total) {
        const raw = this.#partial;
        this.#partial = undefined;
        return this.#frame(raw);
      }
      const whole = Buffer.allocUnsafe(total);
      this.#partial.copy(whole);
      this.#partial = whole;
    }
  }

  /** Moves bytes from the chunks to the piece. True when it is full. */
  #fill(partial: Buffer): boolean {
    while (this.#filled < partial.length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return false;
      const count = chunk.copy(partial, this.#filled);
      this.#filled += count;
      if (count === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(count);
    }
    return true;
  }

  #frame(raw: Buffer): Frame {
    const end = this.keyed ? raw.length - TAG_BYTES : raw.length;
    return {
      type: raw[0]!,
      flags: raw[1]!,
      stream: raw.readUInt32BE(4),
      sequence: raw.readUInt32BE(8) * 0x1_0000_0000 + raw.readUInt32BE(12),
      covered: raw.subarray(0, end),
      payload: raw.subarray(HEADER_BYTES, end),
      tag: this.keyed ? raw.subarray(end) : undefined,
    };
  }

  /** Attacker-controlled: nothing of a header is believed before it is compared with the table. Returns the length of the whole frame. */
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
    if (header.readUInt32BE(8) >= 0x20_0000) {
      throw new WardError('bad-sequence', `A ${known.name} frame has an impossible sequence number.`);
    }
    const length = header.readUInt32BE(16);
    if (length > known.maximum) {
      throw new WardError('frame-too-large', `A ${known.name} frame announces ${length} bytes; at most ${known.maximum} are allowed.`);
    }
    if (length < known.minimum) {
      throw new WardError('protocol-violation', `A ${known.name} frame has ${length} bytes; at least ${known.minimum} are needed.`);
    }
    return HEADER_BYTES + length + (this.keyed ? TAG_BYTES : 0);
  }
}
