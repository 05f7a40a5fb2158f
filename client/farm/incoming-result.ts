/**
 * A result on its way in: only what was asked for, in the sizes that were announced, with the digests that were announced.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { Part, ResultParts } from '../../protocol/action.ts';
import { WardError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import type { Result } from '../../protocol/messages.ts';
import { unpack } from '../../protocol/packing.ts';

export interface FarmOutput {
  /** Index into `probe.outputs`. */
  readonly index: number;
  readonly mode: number;
  readonly content: Buffer;
}

/** What came, whole. */
export interface ReceivedResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly outputs: readonly FarmOutput[];
  /** The same as digests. */
  readonly parts: ResultParts;
}

export interface Expected {
  /** For messages. */
  readonly server: string;
  /** Outputs that were asked for. */
  readonly outputs: number;
  /** The result may be packed. */
  readonly packs: boolean;
}

const sizesOf = ({ stdout, stderr, outputs }: Result): number[] => [stdout, stderr, ...outputs.map(({ size }) => size)];
const partOf = (content: Buffer): Part => ({ digest: hash('sha256', content, 'hex'), size: content.length });

export class IncomingResult {
  readonly #result: Result;
  readonly #server: string;
  readonly #sizes: readonly number[];
  readonly #total: number;
  /** Where the body goes: stdout, stderr, outputs; or all of it packed. */
  readonly #parts: readonly Buffer[];
  #part = 0;
  #filled = 0;

  /** Attacker-controlled sizes and indexes: checked before any memory is taken. @throws WardError `output-refused`, `limit-exceeded`, `protocol-violation` */
  constructor(result: Result, { server, outputs, packs }: Expected) {
    const indexes = new Set<number>();
    for (const { index } of result.outputs) {
      if (index >= outputs || indexes.has(index)) throw new WardError('output-refused', `The server ${server} sent an output that was not asked for.`);
      indexes.add(index);
    }
    this.#sizes = sizesOf(result);
    this.#total = this.#sizes.reduce((sum, size) => sum + size, 0);
    if (this.#total > limits.resultBytes) {
      throw new WardError('limit-exceeded', `The result of the server ${server} is larger than ${limits.resultBytes} bytes.`);
    }
    const { packed } = result;
    if (packed !== undefined && (!packs || packed >= this.#total || this.#total > limits.packedResultBytes)) {
      throw new WardError('protocol-violation', `The server ${server} packed a result that it may not pack.`);
    }
    this.#result = result;
    this.#server = server;
    this.#parts = (packed === undefined ? this.#sizes : [packed]).map((size) => Buffer.allocUnsafeSlow(size));
    this.#skipFull();
  }

  /** @throws WardError `protocol-violation` when it is more than was announced */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      const part = this.#parts[this.#part];
      if (part === undefined) throw new WardError('protocol-violation', 'The server sent more than it announced.');
      const count = chunk.copy(part, this.#filled, at);
      at += count;
      this.#filled += count;
      this.#skipFull();
    }
  }

  /**
   * The server has sent all of it. Answers in the same tick unless the result is packed.
   *
   * @throws WardError `protocol-violation`, `blob-corrupt`
   */
  end(): ReceivedResult | Promise<ReceivedResult> {
    if (this.#part < this.#parts.length) throw new WardError('protocol-violation', 'The server ended the job before it had sent all of the result.');
    return this.#result.packed === undefined ? this.#check(this.#parts) : this.#unpack();
  }

  async #unpack(): Promise<ReceivedResult> {
    const body = await unpack(this.#parts[0]!, this.#total);
    let at = 0;
    return this.#check(this.#sizes.map((size) => body.subarray(at, (at += size))));
  }

  #check(bodies: readonly Buffer[]): ReceivedResult {
    const [stdout, stderr, ...contents] = bodies as [Buffer, Buffer, ...Buffer[]];
    const outputs = this.#result.outputs.map(({ index, mode, digest }, position): FarmOutput => {
      const content = contents[position]!;
      if (partOf(content).digest === digest) return { index, mode, content };
      throw new WardError('blob-corrupt', `An output of the server ${this.#server} does not have the digest that was announced.`);
    });
    return { stdout, stderr, outputs, parts: { stdout: partOf(stdout), stderr: partOf(stderr), outputs: this.#result.outputs } };
  }

  #skipFull(): void {
    while (this.#part < this.#parts.length && this.#filled === this.#parts[this.#part]!.length) {
      this.#part += 1;
      this.#filled = 0;
    }
  }
}
