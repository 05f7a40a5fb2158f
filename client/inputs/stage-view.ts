/**
 * What a sandbox has below the system directories before any input is laid out, as far as paths of inputs lead through it.
 *
 * @module
 */

import { dirname } from 'node:path';
import { checkClientDirectory, checkClientPath } from '../../policy/paths.ts';
import type { Toolchain } from '../../toolchain/describe.ts';

const mostRemembered = 20_000;

/** Links at the root of a merged-/usr system. */
const rootLinks = ['/bin', '/lib', '/lib64', '/sbin'];

export class StageView {
  readonly includeDirs: readonly string[];
  readonly #filled = new Map<string, boolean>();
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

  /** Whether a file or link may be an input: the rule of `policy/paths.ts`, remembered by directory. */
  mayBeInput(path: string): boolean {
    const slash = path.lastIndexOf('/');
    return slash === 0 ? checkClientPath(path, this.includeDirs) === undefined : this.#mayHoldInputs(path.slice(0, slash));
  }

  /** Whether a directory may be an entry of a tree. */
  mayBeEntry(directory: string): boolean {
    return this.#mayHoldInputs(directory) || checkClientDirectory(directory, this.includeDirs) === undefined;
  }

  #mayHoldInputs(directory: string): boolean {
    let answer = this.#filled.get(directory);
    if (answer === undefined) {
      if (this.#filled.size >= mostRemembered) this.#filled.clear();
      this.#filled.set(directory, (answer = checkClientPath(`${directory}/x`, this.includeDirs) === undefined));
    }
    return answer;
  }

  hasLink(path: string): boolean {
    return this.#links.has(path);
  }

  hasDirectory(path: string): boolean {
    return this.#directories.has(path);
  }
}
