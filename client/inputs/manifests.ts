/**
 * What a command read last time. It is the answer again if everything that was looked at is as it was: each path that was
 * walked, and each name that was asked for in a directory, whether it was there or not.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { Toolchain } from '../../toolchain/describe.ts';
import type { CollectedInputs } from './collected.ts';
import { enablesModules } from './references.ts';
import { renew, type Sources } from './renew.ts';
import { definitionsOf, type Asked } from './scanner/definitions.ts';
import type { Folder, Folders } from './scanner/folders.ts';
import type { ScanRoots } from './scanner/scan.ts';
import type { SearchPath } from './search-path.ts';
import type { InputsCommand } from './types.ts';

/** Directories that were asked for names, with the version their answers belong to. */
export type Consulted = ReadonlyMap<Folder, number>;

/** What a scan rests on. */
export interface Found {
  readonly consulted: Consulted;
  readonly asked: Asked;
}

interface Manifest {
  readonly search: SearchPath;
  readonly asked: Asked;
  /** What the command line said of the macros. */
  readonly definitions: string;
  readonly folders: readonly Folder[];
  readonly versions: readonly number[];
  readonly inputs: CollectedInputs;
}

const defaultBytes = 20 * 1024 * 1024;

const costOf = ({ folders, inputs }: Manifest): number => 800 + inputs.seen.size * 8 + folders.length * 16 + inputs.encoded.length;

const digestOf = (parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('latin1');

/** Everything of a command that its inputs depend on, apart from the file system, whoever finds them. */
export const keyOf = (command: InputsCommand, toolchain: Toolchain): string => {
  const { argv, cwd, pwd, env, outputs, checkout } = command;
  return digestOf([toolchain.digest, argv, cwd, pwd, env, checkout, outputs.map(({ path, spelled }) => [path, spelled])]);
};

/**
 * Everything of a command that the scanner goes by, beside the search path: what an option only defines or optimises is not
 * in it, so a build with other such options finds the same files at once. Definitions that name headers are looked at beside it.
 */
export const scanKeyOf = (command: InputsCommand, toolchain: Toolchain, roots: ScanRoots): string => {
  const { language, pwd, env, outputs, inputs, search, checkout } = command;
  const places = outputs.map(({ path, spelled }) => [path, spelled]);
  return digestOf(['scan', toolchain.digest, language, enablesModules(command), { ...roots, defines: [] }, pwd, env, places, inputs, search, checkout]);
};

export class Manifests {
  readonly #known = new Map<string, Manifest>();
  readonly #folders: Folders;
  readonly #sources: Sources;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(folders: Folders, sources: Sources, maxBytes = defaultBytes) {
    this.#folders = folders;
    this.#sources = sources;
    this.#maxBytes = maxBytes;
  }

  /**
   * The answer of last time, if it is the answer for a job that began at `since`.
   *
   * @param defines what its `-D` options say
   */
  find(key: string, search: SearchPath, since: number, defines: readonly string[]): CollectedInputs | undefined {
    const manifest = this.#known.get(key);
    if (manifest === undefined) return undefined;
    this.#known.delete(key);
    this.#bytes -= costOf(manifest);
    const isSame = manifest.search === search && definitionsOf(manifest.asked.macros, defines) === manifest.definitions;
    const inputs = isSame ? this.#now(manifest, since) : undefined;
    if (inputs !== undefined) this.#remember(key, inputs === manifest.inputs ? manifest : { ...manifest, inputs });
    return inputs;
  }

  /** What the command reads now: what it did, perhaps with other contents. */
  #now({ folders, versions, asked, inputs }: Manifest, since: number): CollectedInputs | undefined {
    const changed = inputs.seen.changed(since);
    if (changed === undefined) return undefined;
    this.#folders.refresh(folders, since);
    if (!folders.every((folder, index) => folder.version === versions[index])) return undefined;
    return changed.length === 0 ? inputs : renew(inputs, changed, asked, this.#sources);
  }

  keep(key: string, search: SearchPath, { consulted, asked }: Found, defines: readonly string[], inputs: CollectedInputs): void {
    const [folders, versions] = [[...consulted.keys()], [...consulted.values()]];
    this.#remember(key, { search, asked, definitions: definitionsOf(asked.macros, defines), folders, versions, inputs });
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
