/**
 * The answer of a collection, small enough to be remembered: the encoded tree holds everything else.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { decodeTree, encodeTree, type TreeEntry } from '../../protocol/tree.ts';
import { placeOf } from './checkout.ts';
import type { StaysLocal } from './reasons.ts';
import type { Seen } from './seen.ts';
import type { Inputs } from './types.ts';

/** What is known of a tree beside its entries. */
type About = Pick<CollectedInputs, 'bytes' | 'how' | 'seen' | 'checkout'>;

export class CollectedInputs implements Inputs {
  readonly encoded: Buffer;
  readonly digest: string;
  readonly bytes: number;
  readonly how: 'compiler' | 'scanner';
  readonly seen: Seen;
  readonly checkout: string | undefined;
  #blobs: Map<string, { path: string; size: number }> | undefined;

  constructor(encoded: Buffer, digest: string, { bytes, how, seen, checkout }: About) {
    this.encoded = encoded;
    this.digest = digest;
    this.bytes = bytes;
    this.how = how;
    this.seen = seen;
    this.checkout = checkout;
  }

  static from(entries: readonly TreeEntry[], about: About): CollectedInputs {
    // A copy of its own, because the encoder reserves more than it needs and the copy may be kept for long.
    const tree = encodeTree(entries);
    const encoded = Buffer.allocUnsafeSlow(tree.length);
    tree.copy(encoded);
    return new CollectedInputs(encoded, createHash('sha256').update(encoded).digest('hex'), about);
  }

  get entries(): readonly TreeEntry[] {
    return decodeTree(this.encoded);
  }

  get blobs(): ReadonlyMap<string, { readonly path: string; readonly size: number }> {
    if (this.#blobs === undefined) {
      this.#blobs = new Map();
      for (const entry of this.entries) {
        if (entry.kind === 'file') this.#blobs.set(entry.digest.toString('hex'), { path: this.checkout === undefined ? entry.path : placeOf(entry.path, this.checkout), size: entry.size });
      }
    }
    return this.#blobs;
  }

  unchanged(since: number): boolean {
    return this.seen.holds(since);
  }

  /** The same answer for another job: nothing that was decoded for this one. */
  again(): CollectedInputs {
    return new CollectedInputs(this.encoded, this.digest, this);
  }
}

/** The answer for a command that is compiled where it was typed. */
export const staysLocal = ({ code, detail }: StaysLocal): Inputs =>
  ({ encoded: Buffer.alloc(0), digest: '', entries: [], blobs: new Map(), bytes: 0, how: 'none', checkout: undefined, unchanged: () => true, reason: { code, detail } });
