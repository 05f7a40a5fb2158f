/**
 * The compilers of this machine, by content: what a compiler is made of, and the canary it makes. Both are known again after
 * a restart. A program or library that was replaced is noticed by the next job; whatever else steers a compiler, such as a file that
 * came into one of its directories, within two seconds.
 *
 * @module
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localCanary } from '../../toolchain/canary.ts';
import { recordToolchain, type Toolchain } from '../../toolchain/describe.ts';
import { isCurrent, type ToolchainRecord } from '../../toolchain/record.ts';
import { FileTable, monotonicMs, type Sighting } from '../inputs/file-table.ts';

/** All that a compiler is made of is looked at again when it is asked for and the last such look is older. */
const freshMs = 2_000;

export interface LocalToolchain {
  readonly toolchain: Toolchain;
  /** SHA-256 of the canary object, to be compared with a server's. */
  readonly canary: string;
}

interface Looked extends LocalToolchain {
  readonly record: ToolchainRecord;
  /** Programs and libraries as they are in the record; absent: they were being replaced. */
  readonly parts?: Sighting;
}

interface Known {
  readonly at: number;
  readonly result: Promise<Looked>;
  /** The result, once it is there. */
  looked?: Looked;
}

export class LocalToolchains {
  readonly #cacheDir: string;
  readonly #known = new Map<string, Known>();
  readonly #table = new FileTable(false);

  /** @param cacheDir directory of the user's where descriptions are kept */
  constructor(cacheDir: string) {
    this.#cacheDir = cacheDir;
    mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  }

  /**
   * @param compiler absolute path as invoked
   * @param since looks at its programs before that do not count
   * @throws WardError `toolchain-unknown` when this compiler cannot travel
   */
  get(compiler: string, since = monotonicMs()): Promise<LocalToolchain> {
    const now = performance.now();
    const known = this.#known.get(compiler);
    if (known !== undefined && now - known.at < freshMs && this.#holds(known, since)) return known.result;
    const result = this.#look(compiler, known?.result);
    const fresh: Known = { at: now, result };
    this.#known.set(compiler, fresh);
    result.then((looked) => (fresh.looked = looked), () => {});
    return result;
  }

  #holds({ looked }: Known, since: number): boolean {
    return looked === undefined || (looked.parts !== undefined && this.#table.holds(looked.parts, since));
  }

  #partsOf(record: ToolchainRecord): Sighting | undefined {
    const { name, entries } = record.toolchain;
    // Locales come with the system.
    const paths = [name, ...entries.map(({ path }) => path).filter((path) => !path.startsWith('/usr/lib/locale/'))];
    const ids = paths.map((path) => this.#table.id(path));
    this.#table.look(ids, monotonicMs());
    const parts = this.#table.sight(ids);
    return isCurrent(record) ? parts : undefined;
  }

  /** Those that were asked for. */
  get compilers(): string[] {
    return [...this.#known.keys()];
  }

  /** @param before the last look: what it saw is still so while no file of it has changed */
  async #look(compiler: string, before: Promise<Looked> | undefined): Promise<Looked> {
    const last = await before?.catch(() => undefined);
    if (last !== undefined && isCurrent(last.record)) return last;
    const record = await recordToolchain(compiler, { cacheDir: this.#cacheDir });
    const { toolchain } = record;
    const parts = this.#partsOf(record);
    const known = { record, toolchain, ...(parts === undefined ? {} : { parts }) };
    const file = join(this.#cacheDir, `${toolchain.digest}.canary`);
    try {
      return { ...known, canary: readFileSync(file, 'utf8') };
    } catch {
      const canary = await localCanary(toolchain);
      writeFileSync(`${file}.new`, canary, { mode: 0o600 });
      renameSync(`${file}.new`, file);
      return { ...known, canary };
    }
  }
}
