/**
 * The answer of a collection, small enough to be remembered: the encoded tree holds everything else.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { decodeTree, encodeTree, type TreeEntry } from '../../protocol/tree.ts';
import type { StaysLocal } from './reasons.ts';
import type { Inputs } from './types.ts';

export class CollectedInputs implements Inputs {
  readonly encoded: Buffer;
  readonly digest: string;
  readonly bytes: number;
  readonly how: 'compiler' | 'scanner';
  #blobs: Map<string, { path: string; size: number }> | undefined;

  constructor(encoded: Buffer, digest: string, bytes: number, how: 'compiler' | 'scanner') {
    this.encoded = encoded;
    this.digest = digest;
    this.bytes = bytes;
    this.how = how;
  }

  static from(entries: readonly TreeEntry[], bytes: number, how: 'compiler' | 'scanner'): CollectedInputs {
    // A copy of its own, because the encoder reserves more than it needs and the copy may be kept for long.
    const tree = encodeTree(entries);
    const encoded = Buffer.allocUnsafeSlow(tree.length);
    tree.copy(encoded);
    return new CollectedInputs(encoded, createHash('sha256').update(encoded).digest('hex'), bytes, how);
  }

  get entries(): readonly TreeEntry[] {
    return decodeTree(this.encoded);
  }

  get blobs(): ReadonlyMap<string, { readonly path: string; readonly size: number }> {
    if (this.#blobs === undefined) {
      this.#blobs = new Map();
      for (const entry of this.entries) {
        if (entry.kind === 'file') this.#blobs.set(entry.digest.toString('hex'), { path: entry.path, size: entry.size });
      }
    }
    return this.#blobs;
  }

  /** The same answer for another job: nothing that was decoded for this one. */
  again(): CollectedInputs {
    return new CollectedInputs(this.encoded, this.digest, this.bytes, this.how);
  }
}

/** The answer for a command that is compiled where it was typed. */
export const staysLocal = ({ code, detail }: StaysLocal): Inputs =>
  ({ encoded: Buffer.alloc(0), digest: '', entries: [], blobs: new Map(), bytes: 0, how: 'none', reason: { code, detail } });
