/**
 * Where counts outlive the agent: a small file in the user's cache directory for each configuration, file system and build. Whoever
 * listens at the agent's place is the only one who writes it, so that no agent overwrites what another has counted; the first agent of
 * another build goes on from the newest file of its configuration.
 *
 * What cannot be read or written is only missing: then counting starts at zero, and nobody is held up.
 *
 * @module
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSavedStats, type SavedStats } from './saved-stats.ts';
import type { MeetingPlace } from './place.ts';

const mostBytes = 2 ** 20;
/** Files that are kept; those that were written last. */
const mostFiles = 32;

export class StatsFile {
  readonly #directory: string;
  readonly #name: string;
  /** Names of all builds begin so. */
  readonly #prefix: string;
  #written: string | undefined;

  /** @param cache the user's cache directory */
  constructor(cache: string, { identity, name }: Pick<MeetingPlace, 'identity' | 'name'>) {
    this.#directory = join(cache, 'stats');
    this.#prefix = `${identity}-`;
    this.#name = `${this.#prefix}${name}.json`;
  }

  /** What was counted; undefined: nothing, or the file is damaged. */
  read(): SavedStats | undefined {
    const names = this.#names();
    const newest = names.includes(this.#name) ? this.#name : names.find((name) => name.startsWith(this.#prefix));
    return newest === undefined ? undefined : readStats(join(this.#directory, newest));
  }

  /** Writes whole or not at all, and only what is new. */
  write(stats: SavedStats): void {
    const text = JSON.stringify(stats);
    if (text === this.#written) return;
    const file = join(this.#directory, this.#name);
    const temporary = `${file}.${process.pid}`;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      rmSync(temporary, { force: true });
      writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
      renameSync(temporary, file);
      if (this.#written === undefined) for (const name of this.#names().slice(mostFiles)) rmSync(join(this.#directory, name), { force: true });
      this.#written = text;
    } catch {
      // A full disk: the next agent counts from what was written before.
    }
  }

  /** Of all that lie there, the newest first. */
  #names(): string[] {
    try {
      const files = readdirSync(this.#directory).map((name) => ({ name, at: statSync(join(this.#directory, name)).mtimeMs }));
      return files.sort((a, b) => b.at - a.at).map(({ name }) => name);
    } catch {
      return [];
    }
  }
}

/** A link, somebody else's file and a file of any other form count nothing. */
const readStats = (file: string): SavedStats | undefined => {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const status = fstatSync(descriptor);
    if (!status.isFile() || status.uid !== process.geteuid!() || status.size > mostBytes) return undefined;
    return parseSavedStats(readFileSync(descriptor, 'utf8'));
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
};
