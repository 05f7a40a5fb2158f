/**
 * The compilers of this machine, by content: what a compiler is made of, and the canary it makes. Both are known again after
 * a restart; a compiler that was replaced is noticed within two seconds.
 *
 * @module
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localCanary } from '../../toolchain/canary.ts';
import { recordToolchain, type Toolchain } from '../../toolchain/describe.ts';
import { isCurrent, type ToolchainRecord } from '../../toolchain/record.ts';

/** A compiler is looked at again when it is asked for and the last look is older. */
const freshMs = 2_000;

export interface LocalToolchain {
  readonly toolchain: Toolchain;
  /** SHA-256 of the canary object, to be compared with a server's. */
  readonly canary: string;
}

interface Looked extends LocalToolchain {
  readonly record: ToolchainRecord;
}

interface Known {
  readonly at: number;
  readonly result: Promise<Looked>;
}

export class LocalToolchains {
  readonly #cacheDir: string;
  readonly #known = new Map<string, Known>();

  /** @param cacheDir directory of the user's where descriptions are kept */
  constructor(cacheDir: string) {
    this.#cacheDir = cacheDir;
    mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  }

  /**
   * @param compiler absolute path as invoked
   * @throws WardError `toolchain-unknown` when this compiler cannot travel
   */
  get(compiler: string): Promise<LocalToolchain> {
    const now = performance.now();
    const known = this.#known.get(compiler);
    if (known !== undefined && now - known.at < freshMs) return known.result;
    const result = this.#look(compiler, known?.result);
    this.#known.set(compiler, { at: now, result });
    return result;
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
    const file = join(this.#cacheDir, `${toolchain.digest}.canary`);
    try {
      return { record, toolchain, canary: readFileSync(file, 'utf8') };
    } catch {
      const canary = await localCanary(toolchain);
      writeFileSync(`${file}.new`, canary, { mode: 0o600 });
      renameSync(`${file}.new`, file);
      return { record, toolchain, canary };
    }
  }
}
