/**
 * What a sandbox has below the system directories before any input is laid out, as far as paths of inputs lead through it.
 *
 * @module
 */

import { dirname } from 'node:path';
import type { Toolchain } from '../../toolchain/describe.ts';

/** Links at the root of a merged-/usr system. */
const rootLinks = ['/bin', '/lib', '/lib64', '/sbin'];

export class StageView {
  readonly includeDirs: readonly string[];
  readonly #links: Set<string>;
  readonly #directories = new Set<string>(['/usr', '/usr/bin', '/usr/lib', '/usr/lib64', '/usr/sbin']);

  constructor(toolchain: Pick<Toolchain, 'entries' | 'includeDirs'>) {
    this.includeDirs = toolchain.includeDirs;
    this.#links = new Set(rootLinks);
    for (const entry of toolchain.entries) {
      if (entry.kind === 'link') this.#links.add(entry.path);
      for (let at = dirname(entry.path); at !== '/'; at = dirname(at)) this.#directories.add(at);
    }
    for (const folder of toolchain.includeDirs) for (let at = folder; at !== '/'; at = dirname(at)) this.#directories.add(at);
  }

  hasLink(path: string): boolean {
    return this.#links.has(path);
  }

  hasDirectory(path: string): boolean {
    return this.#directories.has(path);
  }
}
