/**
 * What the compiler listed last time, for commands whose computed includes only it can follow. The list is good again, even
 * for an edited source, if in every listed file the lines that can steer inclusion are the same, and every name that was
 * asked for in a directory is answered as before.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Toolchain } from '../../toolchain/describe.ts';
import type { KnownFile } from './file-cache.ts';
import { keyOf, type Consulted } from './manifests.ts';
import { StaysLocal } from './reasons.ts';
import type { Folders } from './scanner/folders.ts';
import { absolute } from './search-path.ts';
import type { BuiltFile, TreeBuilder } from './tree-builder.ts';
import type { InputsCommand } from './types.ts';

interface Listing {
  readonly names: readonly string[];
  readonly steering: readonly string[];
  readonly consulted: Consulted;
}

const mostListings = 4096;

/** A line with a directive, or with anything that decides whether another line is one. */
const steers = /#|%:|\?\?|\/\*|\*\/|R"|__has_/;

const digests = new WeakMap<KnownFile, string>();

/** A name for the steering lines of a file; undefined if it has changed since it was read. */
const steeringOf = ({ file, real }: BuiltFile): string | undefined => {
  const known = digests.get(file);
  if (known !== undefined) return known;
  const content = readFileSync(real);
  if (createHash('sha256').update(content).digest('hex') !== file.hex) return undefined;
  const lines = content.toString('latin1').replace(/\\[ \t\f\v]*\r?\n/g, '').split('\n').filter((line) => steers.test(line));
  const digest = createHash('sha256').update(lines.join('\n'), 'latin1').digest('latin1');
  digests.set(file, digest);
  return digest;
};

export class Listings {
  readonly #known = new Map<string, Listing>();
  readonly #folders: Folders;

  constructor(folders: Folders) {
    this.#folders = folders;
  }

  /** Names of all files that the command reads, if they are what they were. */
  find(command: InputsCommand, toolchain: Toolchain, tree: TreeBuilder, since: number): readonly string[] | undefined {
    const listing = this.#known.get(keyOf(command, toolchain));
    if (listing === undefined) return undefined;
    const { names, steering, consulted } = listing;
    try {
      for (const [index, name] of names.entries()) {
        const opened = tree.file(absolute(name, command.cwd));
        if (opened === undefined || steeringOf(opened) !== steering[index]) return undefined;
      }
    } catch (error) {
      if (error instanceof StaysLocal) return undefined;
      throw error;
    }
    this.#folders.refresh([...consulted.keys()], since);
    return consulted.entries().every(([folder, version]) => folder.version === version) ? names : undefined;
  }

  keep(command: InputsCommand, toolchain: Toolchain, names: readonly string[], files: readonly BuiltFile[], consulted: Consulted): void {
    const steering = files.map(steeringOf);
    if (!steering.every((digest) => digest !== undefined)) return;
    if (this.#known.size >= mostListings) this.#known.clear();
    this.#known.set(keyOf(command, toolchain), { names, steering, consulted });
  }
}
