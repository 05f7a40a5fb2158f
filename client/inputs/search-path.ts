/**
 * Where a compiler looks for headers, asked once for each combination of compiler, language, directory and options that have a
 * say in it. An answer holds as long as the directories it is about exist, or do not exist, as they did: which of two
 * directories counts is decided by their inodes.
 *
 * @module
 */

import { parseVerbose } from '../../toolchain/query.ts';
import { runCompiler, searchArguments, type Asking } from './ask-compiler.ts';
import { modeWord } from './file-state.ts';
import { monotonicMs, type FileTable, type Sighting } from './file-table.ts';
import { StaysLocal } from './reasons.ts';
import type { InputsCommand } from './types.ts';

export interface SearchPath {
  /** Directories for `"…"` before those for `<…>`, absolute, as the compiler opens them. */
  readonly quote: readonly string[];
  readonly angle: readonly string[];
  /** Directories of the command that are not searched: absent, or the same as another. */
  readonly unused: readonly string[];
  /** macOS frameworks are looked up in a way that is not followed here. */
  readonly frameworks: boolean;
}

/** What a compiler is asked: everything that its answer depends on. */
export interface SearchQuestion {
  /** Absolute path. */
  readonly compiler: string;
  readonly cwd: string;
  readonly args: readonly string[];
  /** Those variables that name directories to search. */
  readonly env: Readonly<Record<string, string>>;
}

interface Known {
  readonly question: SearchQuestion;
  readonly path: Promise<SearchPath>;
  /** Digest of the toolchain that was asked; absent: before there was a job. */
  toolchain?: string;
  /** The directories of the answer, as they were when it was asked for; absent: it is good for this once only. */
  seen?: Sighting;
}

interface AskedFor {
  readonly toolchain?: string;
  readonly since: number;
}

const mostKnown = 512;
const searchVariables = ['CPATH', 'C_INCLUDE_PATH', 'CPLUS_INCLUDE_PATH', 'OBJC_INCLUDE_PATH', 'OBJCPLUS_INCLUDE_PATH'];

/** An absolute path that the kernel walks as it would walk `path` from `cwd`. */
export const absolute = (path: string, cwd: string): string => (path.startsWith('/') ? path : cwd === '/' ? `/${path}` : `${cwd}/${path}`);

export class SearchPaths {
  readonly #known = new Map<string, Known>();
  readonly #table: FileTable;

  /** @param table of states with links followed */
  constructor(table: FileTable) {
    this.#table = table;
  }

  /**
   * @param toolchain digest of its compiler, which may be another one under the same name as before
   * @param since when the command began: looks at directories before that do not count
   * @throws StaysLocal when the compiler does not answer.
   */
  async get(command: InputsCommand, toolchain: string, since: number): Promise<SearchPath> {
    const { compiler, cwd } = command;
    const env = Object.fromEntries(searchVariables.flatMap((name) => (command.env[name] === undefined ? [] : [[name, command.env[name]]])));
    return this.#find({ compiler, cwd, args: searchArguments(command), env }, command, { toolchain, since });
  }

  /** What was asked and answered, the latest last. */
  get questions(): SearchQuestion[] {
    return [...this.#known.values()].map(({ question }) => question);
  }

  /** Asks what a command is going to ask. @throws StaysLocal when the compiler does not answer. */
  async prepare(question: SearchQuestion): Promise<void> {
    await this.#find(question, { ...question, source: question.cwd }, { since: monotonicMs() });
  }

  async #find(question: SearchQuestion, command: Asking, job: AskedFor): Promise<SearchPath> {
    const { compiler, cwd, args, env } = question;
    const key = JSON.stringify([compiler, cwd, args, searchVariables.map((name) => env[name] ?? null)]);
    const known = this.#known.get(key);
    if (known !== undefined) {
      const path = await known.path;
      const isSame = known.toolchain === undefined || job.toolchain === undefined || known.toolchain === job.toolchain;
      if (isSame && known.seen !== undefined && this.#table.holds(known.seen, job.since)) {
        if (job.toolchain !== undefined) known.toolchain = job.toolchain;
        return path;
      }
      if (this.#known.get(key) === known) this.#known.delete(key);
      return this.#find(question, command, job);
    }
    // It is asked for everybody, and goes on when the job that came first is cancelled.
    const path = this.#ask(command, args, (seen) => (asked.seen = seen));
    const asked: Known = { question, path, ...(job.toolchain === undefined ? {} : { toolchain: job.toolchain }) };
    this.#known.set(key, asked);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= mostKnown) break;
      this.#known.delete(oldest);
    }
    return asked.path.catch((error) => {
      this.#known.delete(key);
      throw error;
    });
  }

  async #ask(command: Asking, args: readonly string[], identified: (seen: Sighting) => void): Promise<SearchPath> {
    const { ok, stderr } = await runCompiler(command, args, { LC_ALL: 'C' });
    const answer = parseVerbose(stderr);
    // Whether it answered is told by the end of the list: the list itself is empty with -nostdinc and nothing else.
    if (!ok || !/^End of search list\.$/m.test(stderr)) {
      throw new StaysLocal('preprocessing-failed', stderr.split('\n')[0] ?? '');
    }
    const from = (list: readonly string[]): string[] => list.map((directory) => absolute(directory, command.cwd));
    const [quote, angle, unused] = [from(answer.quote), from(answer.angle), from([...answer.absent, ...answer.duplicates])];
    const path = { quote, angle, unused, frameworks: stderr.includes('(framework directory)') };
    const directories = [...path.quote, ...path.angle, ...path.unused];
    const spelled = [...answer.quote, ...answer.angle, ...answer.absent, ...answer.duplicates];
    // The compiler, too: it may have been replaced between the question and the first job.
    const ids = [...directories, command.compiler].map((path) => this.#table.id(path));
    this.#table.look(ids, monotonicMs());
    // One that appeared or vanished meanwhile makes the answer good for this once only.
    const isAbsent = (index: number): boolean => this.#table.words(ids[index] as number)[modeWord] === 0;
    if (spelled.every((directory, index) => isAbsent(index) === answer.absent.includes(directory))) identified(this.#table.sight(ids));
    return path;
  }
}
