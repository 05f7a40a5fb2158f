/**
 * Digests of precompiled headers that servers of the farm made for this user. Servers keep the proof; this only tells which ones
 * are worth sending. One empty file each, so that the next agent knows them too.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** More than anybody's builds have; then it starts anew. */
const most = 10_000;

export class Precompiled {
  readonly #directory: string | undefined;
  readonly #known: Set<string>;

  /** @param directory undefined: they are remembered no longer than the agent lives */
  constructor(directory?: string) {
    this.#directory = directory;
    if (directory !== undefined) mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#known = new Set(directory === undefined ? [] : readdirSync(directory));
  }

  /** @param digest SHA-256, hex */
  has(digest: string): boolean {
    return this.#known.has(digest);
  }

  /** Adds what came of a compile of a header. */
  addAll(outputs: readonly { readonly index: number; readonly content: Buffer }[]): void {
    for (const { index, content } of outputs) if (index === 0) this.#add(hash('sha256', content, 'hex'));
  }

  #add(digest: string): void {
    if (this.#known.has(digest)) return;
    if (this.#known.size >= most) this.#forget();
    this.#known.add(digest);
    if (this.#directory !== undefined) writeFileSync(join(this.#directory, digest), '', { mode: 0o600 });
  }

  #forget(): void {
    for (const digest of this.#known) if (this.#directory !== undefined) rmSync(join(this.#directory, digest), { force: true });
    this.#known.clear();
  }
}
