/**
 * Programs that a driver looks up on PATH, such as gcc's assembler. A toolchain holds the ones in `/usr/bin`; a person whose
 * PATH leads to others, or to none, gets something else from a local compile, so that compile must stay local.
 *
 * @module
 */

import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { FileTable, type Sighting } from '../inputs/file-table.ts';
import { absolutePath } from '../command/paths.ts';
import type { Toolchain } from '../../toolchain/describe.ts';

const mostKnown = 256;
/** Where programs are looked for without a PATH. */
const defaultPath = '/bin:/usr/bin';

interface Answer {
  readonly foreign: string | undefined;
  /** Every place that was looked at: while nothing there has changed the answer is the same. */
  readonly seen: Sighting;
}

/** Where somebody looks for programs, and the moment before which looks do not count. */
export interface Looking {
  /** The value of PATH; undefined: there is none. */
  readonly path: string | undefined;
  readonly cwd: string;
  readonly since: number;
}

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

const isSame = (program: string, own: string): boolean => {
  try {
    return realpathSync(program) === realpathSync(own);
  } catch {
    // One of them has just been taken away.
    return false;
  }
};

/** clang has an assembler in itself. */
type Parts = Pick<Toolchain, 'pathPrograms' | 'family'>;

/** Programs on the PATHs of one user's jobs. */
export class PathPrograms {
  readonly #table = new FileTable(true);
  readonly #known = new Map<string, Answer>();

  /** The first program that is not the toolchain's, or the name of one that is nowhere; undefined if all are the toolchain's. */
  foreign(toolchain: Parts & Pick<Toolchain, 'digest'>, { path = defaultPath, cwd, since }: Looking): string | undefined {
    // An empty name is the working directory, too.
    const directories = path.split(':');
    const isRelative = directories.some((directory) => !directory.startsWith('/'));
    const key = [toolchain.digest, path, isRelative ? cwd : ''].join('\0');
    const known = this.#known.get(key);
    if (known !== undefined && this.#table.holds(known.seen, since)) return known.foreign;
    if (this.#known.size >= mostKnown) {
      this.#known.clear();
      this.#table.trim();
    }
    const answer = this.#look(toolchain, directories.map((directory) => absolutePath(cwd, directory)), since);
    this.#known.set(key, answer);
    return answer.foreign;
  }

  #look({ pathPrograms, family }: Parts, directories: readonly string[], since: number): Answer {
    const mattered: number[] = [];
    let foreign: string | undefined;
    for (const name of pathPrograms) {
      const own = `/usr/bin/${name}`;
      const places = directories.map((directory) => `${directory === '/' ? '' : directory}/${name}`);
      const ids = [own, ...places].map((path) => this.#table.id(path));
      // What changes between this look and the next line shows in the next look.
      this.#table.look(ids, since);
      const first = places.find(isProgram);
      // What comes after the first one does not matter.
      mattered.push(...(first === undefined ? ids : ids.slice(0, places.indexOf(first) + 2)));
      if (first === undefined && family === 'clang') continue;
      if (first === undefined || !isSame(first, own)) foreign ??= first ?? name;
    }
    return { foreign, seen: this.#table.sight(mattered) };
  }
}
