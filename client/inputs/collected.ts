/**
 * The answer of a collection, small enough to be remembered: the encoded tree holds everything else.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { fileWith } from '../../protocol/tree-files.ts';
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
    return CollectedInputs.of(encoded, about);
  }

  /** @param encoded a tree */
  static of(encoded: Buffer, about: About): CollectedInputs {
    return new CollectedInputs(encoded, hash('sha256', encoded, 'hex'), about);
  }

  get entries(): readonly TreeEntry[] {
    return decodeTree(this.encoded);
  }

  fileWith(digest: Buffer): string | undefined {
    const path = fileWith(this.encoded, digest);
    return path === undefined || this.checkout === undefined ? path : placeOf(path, this.checkout);
  }

  unchanged(since: number): boolean {
    return this.seen.holds(since);
  }
}

/** The answer for a command that is compiled where it was typed. */
export const staysLocal = ({ code, detail }: StaysLocal): Inputs =>
  ({ encoded: Buffer.alloc(0), digest: '', entries: [], fileWith: () => undefined, bytes: 0, how: 'none', checkout: undefined, unchanged: () => true, reason: { code, detail } });
