/**
 * The state of every path that jobs ask about, shared by all of them. A look is good for each job that began before it: what a build
 * did before it started a compile is seen by any look after that start. So jobs that run side by side share their looks, and
 * a job that begins later looks again.
 *
 * Remembered answers hold numbers only: of each path its number here, and the version of the state that they rest on.
 *
 * @module
 */

import { sameState, stateOf, stateWords, statList, type FileState } from './file-state.ts';

/** Paths before everything is forgotten and begun anew. */
const mostPaths = 400_000;
const firstPaths = 4096;
/** States that are kept as objects: some hundred bytes each. */
const mostStates = 50_000;
const longestWaitMs = 1000;

/** Milliseconds of the machine's monotonic clock, which processes share. */
export const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
};

/**
 * From when on looks count for a command that says it began at `begunMs`: not in the future, and not longer ago than any launcher
 * waits, lest a clock that is not ours makes old looks good.
 */
export const looksFrom = (begunMs: number): number => {
  const now = monotonicMs();
  return Math.max(now - longestWaitMs, Math.min(now, begunMs));
};

/** Paths as numbers, and the versions that their states had. */
export interface Sighting {
  readonly ids: Uint32Array;
  readonly versions: Uint32Array;
  readonly generation: number;
}

export class FileTable {
  readonly #follow: boolean;
  readonly #ids = new Map<string, number>();
  #paths: string[] = [];
  #words = new Int32Array(firstPaths * stateWords);
  #versions = new Uint32Array(firstPaths);
  /** What was read out of the words, until they change. */
  #states: (FileState | undefined)[] = [];
  /** When the look began that the state is from. */
  #lookedAt = new Float64Array(firstPaths);
  #generation = 0;

  /**
   * @param follow whether links are followed. Then of a directory counts which one it is: compilers tell directories of a search path
   * apart by their inodes. Else it only counts that it is one: what lies in it is looked at by its own path.
   */
  constructor(follow: boolean) {
    this.#follow = follow;
  }

  /** Numbers of another generation mean nothing any more. */
  get generation(): number {
    return this.#generation;
  }

  /** Forgets everything when that has become too much. Only between jobs. */
  trim(): void {
    if (this.#paths.length < mostPaths) return;
    this.#ids.clear();
    this.#paths = [];
    this.#states = [];
    this.#lookedAt.fill(0);
    this.#generation += 1;
  }

  /** The number of a path. */
  id(path: string): number {
    let id = this.#ids.get(path);
    if (id === undefined) {
      id = this.#paths.push(path) - 1;
      this.#ids.set(path, id);
      if (id === this.#versions.length) this.#grow();
    }
    return id;
  }

  /** Sees to it that each of these states is from a look at or after `since`, with one native call for all that are not. */
  look(ids: ArrayLike<number>, since: number): void {
    const stale: number[] = [];
    const paths: string[] = [];
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] as number;
      if ((this.#lookedAt[id] as number) >= since) continue;
      stale.push(id);
      paths.push(this.#paths[id] as string);
    }
    if (stale.length === 0) return;
    const now = monotonicMs();
    const fresh = statList(paths, this.#follow);
    for (let index = 0; index < stale.length; index++) {
      const id = stale[index] as number;
      if (this.#take(fresh, index * stateWords, id * stateWords) || this.#lookedAt[id] === 0) {
        (this.#versions[id] as number)++;
        this.#states[id] = undefined;
      }
      this.#lookedAt[id] = now;
    }
  }

  /** Takes over a state. Says whether it differs in what counts. No views are made: a look is at hundreds of paths. */
  #take(fresh: Int32Array, from: number, to: number): boolean {
    const differs = !sameState(fresh, from, this.#words, to, this.#follow);
    for (let word = 0; word < stateWords; word++) this.#words[to + word] = fresh[from + word] as number;
    return differs;
  }

  /** The state from the last look; overwritten by the next. */
  words(id: number): Int32Array {
    return this.#words.subarray(id * stateWords, (id + 1) * stateWords);
  }

  /**
   * What is there, from the last look; undefined: nothing.
   *
   * @throws StaysLocal when the path can't be examined for another reason than its absence
   */
  state(id: number): FileState | undefined {
    const known = this.#states[id];
    if (known !== undefined) return known;
    const state = stateOf(this.words(id), this.#paths[id] as string);
    // Absence costs nothing to find out again.
    if (state !== undefined && id < mostStates) this.#states[id] = state;
    return state;
  }

  /** Changes with the state, as far as that counts. */
  version(id: number): number {
    return this.#versions[id] as number;
  }

  /** What these paths are now, to be compared later. */
  sight(ids: Iterable<number>): Sighting {
    const numbers = Uint32Array.from(ids);
    return { ids: numbers, versions: numbers.map((id) => this.version(id)), generation: this.#generation };
  }

  /** Whether all of it is as it was seen, by looks at or after `since`. */
  holds(sighting: Sighting, since: number): boolean {
    return this.changed(sighting, since)?.length === 0;
  }

  /** Numbers of what is not as it was seen, by looks at or after `since`; undefined if the numbers mean nothing any more. */
  changed({ ids, versions, generation }: Sighting, since: number): number[] | undefined {
    if (generation !== this.#generation) return undefined;
    this.look(ids, since);
    const changed: number[] = [];
    for (let at = 0; at < ids.length; at++) if (this.#versions[ids[at] as number] !== versions[at]) changed.push(ids[at] as number);
    return changed;
  }

  path(id: number): string {
    return this.#paths[id] as string;
  }

  #grow(): void {
    const size = this.#versions.length * 2;
    const [words, versions, lookedAt] = [new Int32Array(size * stateWords), new Uint32Array(size), new Float64Array(size)];
    words.set(this.#words);
    versions.set(this.#versions);
    lookedAt.set(this.#lookedAt);
    [this.#words, this.#versions, this.#lookedAt] = [words, versions, lookedAt];
    // They are views of the words that were.
    this.#states = [];
  }
}
