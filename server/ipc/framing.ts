/**
 * Messages between the processes of one server: `[u32 jsonLength][u32 binaryLength][json][binary]`, big-endian.
 *
 * What always holds: a length is checked against its limit before anything is kept; JSON is an object or the connection is over; the
 * decoder takes bytes in any slices. The peers are our own processes, but a front that was taken over is a peer too: Attacker-controlled.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';

export interface IpcLimits {
  /** Largest JSON part in bytes. */
  readonly json: number;
  /** Largest binary part in bytes. */
  readonly binary: number;
}

export const defaultIpcLimits: IpcLimits = Object.freeze({ json: 4 * 1024 * 1024, binary: 64 * 1024 * 1024 });

export interface IpcMessage {
  readonly json: Record<string, unknown>;
  readonly binary: Buffer;
}

const empty = Buffer.alloc(0);
const headerBytes = 8;

/** One message as the buffers to write, in order. Throws `limit-exceeded`. */
export const encodeMessage = (json: object, binary: Buffer = empty, limits: IpcLimits = defaultIpcLimits): Buffer[] => {
  const text = JSON.stringify(json);
  const length = Buffer.byteLength(text);
  if (length > limits.json || binary.length > limits.binary)
    throw new WardError('limit-exceeded', `An internal message of ${length} + ${binary.length} bytes passes the limit.`);
  const head = Buffer.allocUnsafe(headerBytes + length);
  head.writeUInt32BE(length, 0);
  head.writeUInt32BE(binary.length, 4);
  head.write(text, headerBytes);
  return binary.length === 0 ? [head] : [head, binary];
};

/** Takes slices of the byte stream and hands out whole messages. After it threw, the stream is lost. */
export class MessageDecoder {
  readonly #limits: IpcLimits;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes of the whole message at the front of the buffer; unknown until its header is there. */
  #wanted: number | undefined;

  constructor(limits: IpcLimits = defaultIpcLimits) {
    this.#limits = limits;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /** The next whole message; undefined until there is one. Throws `limit-exceeded` or `protocol-violation`. */
  next(): IpcMessage | undefined {
    if (this.#wanted === undefined) {
      if (this.#buffered < headerBytes) return undefined;
      const head = this.#join();
      const json = head.readUInt32BE(0);
      const binary = head.readUInt32BE(4);
      if (json > this.#limits.json || binary > this.#limits.binary)
        throw new WardError('limit-exceeded', `An internal message announced ${json} + ${binary} bytes.`);
      this.#wanted = headerBytes + json + binary;
    }
    if (this.#buffered < this.#wanted) return undefined;
    const bytes = this.#join();
    const message = bytes.subarray(0, this.#wanted);
    const rest = bytes.subarray(this.#wanted);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#buffered = rest.length;
    this.#wanted = undefined;
    return decode(message);
  }

  /** Joins only when something is decided about the front of the buffer, so a large message is copied once. */
  #join(): Buffer {
    const joined = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#buffered);
    this.#chunks = [joined];
    return joined;
  }
}

const decode = (message: Buffer): IpcMessage => {
  const end = headerBytes + message.readUInt32BE(0);
  let json: unknown;
  try {
    json = JSON.parse(message.toString('utf8', headerBytes, end));
  } catch (cause) {
    throw new WardError('protocol-violation', 'An internal message is not JSON.', { cause });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new WardError('protocol-violation', 'An internal message is not an object.');
  return { json: json as Record<string, unknown>, binary: message.subarray(end) };
};
