/**
 * Builds of lua and re2 under bad conditions: what each left is compared with a local build, byte for byte, and every compile's own
 * words say where it went and what it took.
 *
 * @module
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { addRe2Tables, layOut } from '../fixtures/builds.ts';
import { execute } from '../fixtures/command.ts';
import { cleanEnvironment } from '../fixtures/farm.ts';
import { snapshot, type Snapshot } from '../fixtures/snapshot.ts';
import type { ChaosFarm } from './farm.ts';

export type Project = 'lua' | 're2';

/** `flags` change nothing in an object, and make its compile one that nobody has done yet. */
const commandOf: Readonly<Record<Project, (launcher: string, flags: string) => readonly string[]>> = {
  lua: (launcher, flags) => ['make', '-j6', 'linux', `CC=${launcher}gcc`, `MYCFLAGS=${flags}`],
  re2: (launcher, flags) => ['make', '-j6', `CXX=${launcher}g++`, `CXXFLAGS=-std=c++17 -O0 -pthread ${flags}`, 'obj/libre2.a'],
};
const compiled = ['.o'];

export interface BuildReport {
  readonly project: Project;
  readonly status: number;
  readonly seconds: number;
  /** Objects that are not a local build's, or are missing, or are too many. */
  readonly wrong: readonly string[];
  /** Temporary files that were left beside the objects or in TMPDIR. */
  readonly temporary: readonly string[];
  /** Compiles by what became of them, and why they were local. */
  readonly jobs: Readonly<Record<string, number>>;
  /** Servers that compiled something. */
  readonly servers: readonly string[];
  /** The longest that one compile took until it was done. */
  readonly slowestMs: number;
  /** The end of what was said on standard error, of a build that failed. */
  readonly said: string;
}

/** `wardcc: remote: a.c on SERVER, 12 ms`, `wardcc: local: a.c: CODE (…), 12 ms` and so on. */
const jobsOf = (text: string): Pick<BuildReport, 'jobs' | 'servers' | 'slowestMs'> => {
  const jobs: Record<string, number> = {};
  const servers = new Set<string>();
  let slowestMs = 0;
  for (const line of text.split('\n')) {
    const [, how, rest, ms] = /^wardcc: (remote|hit|local): (.*), ([0-9]+) ms$/.exec(line) ?? [];
    if (how === undefined) continue;
    const code = how === 'local' ? `local: ${/^\S+: ([a-z-]+)/.exec(rest!)?.[1] ?? rest!.replace(/ \(.*/, '')}` : how;
    jobs[code] = (jobs[code] ?? 0) + 1;
    slowestMs = Math.max(slowestMs, Number(ms));
    if (how === 'remote') servers.add(/ on (\S+)/.exec(rest!)?.[1] ?? '');
  }
  return { jobs, servers: [...servers], slowestMs };
};

export class Builds {
  readonly #farm: ChaosFarm;
  readonly #place: string;
  readonly #expected = new Map<Project, Promise<Snapshot>>();

  constructor(farm: ChaosFarm, place: string) {
    this.#farm = farm;
    this.#place = place;
  }

  /** What a local build makes: done once. */
  expected(project: Project): Promise<Snapshot> {
    const known = this.#expected.get(project) ?? this.#buildLocally(project);
    this.#expected.set(project, known);
    return known;
  }

  /**
   * One build by one person, in a directory of its own.
   *
   * @param mark equal marks are equal compiles; a new one has never been done
   * @throws Error when it does not end within `timeoutMs`
   */
  async build(project: Project, { person, mark, timeoutMs, settings = {} }: { person: string; mark: number; timeoutMs: number; settings?: NodeJS.ProcessEnv }): Promise<BuildReport> {
    const expected = await this.expected(project);
    const directory = await this.#layOut(project, `${project} of ${person}`);
    const temporary = join(this.#place, `tmp-${person}`);
    const begun = performance.now();
    const { status, stderr } = await this.#farm.run(commandOf[project]('wardcc ', `-DCHAOS=${mark}`), {
      cwd: directory, person, timeoutMs, settings: { WARDCC_EXPLAIN: '1', TMPDIR: temporary, HOME: this.#place, ...settings },
    });
    const seconds = (performance.now() - begun) / 1000;
    const found = await snapshot(directory, compiled);
    const wrong = [...new Set([...Object.keys(expected), ...Object.keys(found)])].filter((name) => expected[name] !== found[name]);
    const left = [...await readdir(temporary), ...Object.keys(await snapshot(directory)).filter((name) => /(^|\/)\.wardcc-/.test(name))];
    await rm(directory, { recursive: true, force: true });
    return { project, status, seconds, wrong, temporary: left, ...jobsOf(stderr), said: status === 0 ? '' : stderr.split('\n').slice(-20).join('\n') };
  }

  async #layOut(project: Project, name: string): Promise<string> {
    const directory = await layOut(project, join(this.#place, name));
    if (project === 're2') await addRe2Tables(directory);
    return directory;
  }

  async #buildLocally(project: Project): Promise<Snapshot> {
    const directory = await this.#layOut(project, `local ${project}`);
    const { status, stderr } = await execute(commandOf[project]('', ''), { cwd: directory, env: cleanEnvironment(), timeoutMs: 300_000 });
    if (status !== 0) throw new Error(`${project} cannot be built here:\n${stderr}`);
    const found = await snapshot(directory, compiled);
    await rm(directory, { recursive: true, force: true });
    return found;
  }
}
