/**
 * What a command read last time. It is the answer again if everything that was looked at is as it was: each path that was
 * walked, and each name that was asked for in a directory, whether it was there or not.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { Toolchain } from '../../toolchain/describe.ts';
import type { CollectedInputs } from './collected.ts';
import { nameOfStates, type Sighting } from './file-state.ts';
import type { Folder, Folders } from './scanner/folders.ts';
import { Seen, type YoungFile } from './seen.ts';
import type { SearchPath } from './search-path.ts';
import type { InputsCommand } from './types.ts';

/** Directories that were asked for names, with the version their answers belong to. */
export type Consulted = ReadonlyMap<Folder, number>;

interface Manifest {
  readonly search: SearchPath;
  readonly folders: readonly Folder[];
  readonly versions: readonly number[];
  readonly inputs: CollectedInputs;
}

const defaultBytes = 20 * 1024 * 1024;
const mostNames = 200_000;

const costOf = ({ folders, inputs }: Manifest): number => 800 + inputs.seen.paths.length * 8 + folders.length * 16 + inputs.encoded.length;

/** Everything of a command that its inputs depend on, apart from the file system. */
export const keyOf = (command: InputsCommand, toolchain: Toolchain): string => {
  const { argv, cwd, pwd, env, outputs, checkout } = command;
  const parts = [toolchain.digest, argv, cwd, pwd, env, checkout, outputs.map(({ spelled }) => spelled)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('latin1');
};

export class Manifests {
  readonly #known = new Map<string, Manifest>();
  readonly #names = new Map<string, string>();
  readonly #folders: Folders;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(folders: Folders, maxBytes = defaultBytes) {
    this.#folders = folders;
    this.#maxBytes = maxBytes;
  }

  /** The answer of last time, if it is the answer now. */
  find(command: InputsCommand, toolchain: Toolchain, search: SearchPath, job: number): CollectedInputs | undefined {
    const key = keyOf(command, toolchain);
    const manifest = this.#known.get(key);
    if (manifest === undefined) return undefined;
    this.#known.delete(key);
    this.#bytes -= costOf(manifest);
    if (manifest.search !== search || !this.#holds(manifest, job)) return undefined;
    this.#remember(key, manifest);
    return manifest.inputs.again();
  }

  #holds({ folders, versions, inputs }: Manifest, job: number): boolean {
    if (!inputs.unchanged) return false;
    this.#folders.refresh(folders, job);
    return folders.every((folder, index) => folder.version === versions[index]);
  }

  /** A sighting, small enough to be remembered. */
  seen({ paths, words }: Sighting, young: readonly YoungFile[]): Seen {
    return new Seen(paths.map((path) => this.#shared(path)), nameOfStates(words), young);
  }

  keep(command: InputsCommand, toolchain: Toolchain, search: SearchPath, consulted: Consulted, inputs: CollectedInputs): void {
    const [folders, versions] = [[...consulted.keys()], [...consulted.values()]];
    this.#remember(keyOf(command, toolchain), { search, folders, versions, inputs: inputs.again() });
  }

  /** The same path of many manifests is one string. */
  #shared(path: string): string {
    const known = this.#names.get(path);
    if (known !== undefined) return known;
    if (this.#names.size >= mostNames) this.#names.clear();
    this.#names.set(path, path);
    return path;
  }

  #remember(key: string, manifest: Manifest): void {
    this.#known.set(key, manifest);
    this.#bytes += costOf(manifest);
    for (const [oldest, each] of this.#known) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#known.delete(oldest);
      this.#bytes -= costOf(each);
    }
  }
}
