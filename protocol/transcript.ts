/**
 * The transcript: SHA-256 over every raw frame of the handshake in the order both sides saw it, each with who sent it and
 * its length. Mechanism, target name, nonces, keys, tokens and proofs are all inside, so changing any byte changes keys.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';

const PREFIX = 'wardcc.1 transcript\n';

export type Role = 'client' | 'server';

export class Transcript {
  readonly #hash: Hash = createHash('sha256').update(PREFIX);

  /** Adds one raw frame: `C` or `S`, u32 length, bytes. */
  add(sender: Role, raw: Buffer): void {
    const head = Buffer.allocUnsafe(5);
    head[0] = sender === 'client' ? 0x43 : 0x53;
    head.writeUInt32BE(raw.length, 1);
    this.#hash.update(head).update(raw);
  }

  /** The hash of everything so far; the transcript goes on. */
  digest(): Buffer {
    return this.#hash.copy().digest();
  }
}
