/**
 * Standard input and output of a child process as one stream.
 *
 * @module
 */
import type { Readable, Writable } from 'node:stream';
import { Duplex } from 'node:stream';

interface ChildStreams {
  readonly stdin: Writable;
  readonly stdout: Readable;
}

type Chunk = { chunk: Buffer; encoding: BufferEncoding };

/** Bytes of the beginning that are kept. */
const keptBytes = 2048;

export class ChildDuplex extends Duplex {
  readonly #child: ChildStreams;
  #beginning = Buffer.alloc(0);

  constructor(child: ChildStreams) {
    super({ allowHalfOpen: false });
    this.#child = child;
    const { stdin, stdout } = child;
    stdout.on('data', (chunk: Buffer) => {
      if (this.#beginning.length < keptBytes) this.#beginning = Buffer.concat([this.#beginning, chunk.subarray(0, keptBytes)]);
      if (!this.push(chunk)) stdout.pause();
    });
    stdout.once('end', () => this.push(null));
    stdout.once('close', () => this.destroy());
    stdin.on('error', (error) => this.destroy(error));
    stdout.on('error', (error) => this.destroy(error));
  }

  /** The first words of the child: what they are when they are not what was expected. */
  get beginning(): string {
    return this.#beginning.toString('utf8', 0, keptBytes);
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, callback);
  }

  override _writev(chunks: Chunk[], callback: (error?: Error | null) => void): void {
    const { stdin } = this.#child;
    stdin.cork();
    chunks.forEach(({ chunk }, index) => stdin.write(chunk, index === chunks.length - 1 ? callback : undefined));
    stdin.uncork();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#child.stdin.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    callback(error);
  }
}
