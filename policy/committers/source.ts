/**
 * Committer sources: who may commit, according to a list, a version control system's own access file, or a directory service.
 *
 * What always holds: a source that can't be read for the first time is an error; one that can't be read again keeps its last good answer,
 * says so, and after a stated time knows nobody any more. Every reader of a kind makes a whole new `Membership`; nothing is changed in
 * place.
 *
 * @module
 */
import { toWardError, WardError } from '../../protocol/errors.ts';

/** The people that one reading of a source found. */
export interface Membership {
  /** What was read, for the log: a digest or a number of the version control system. */
  readonly revision: string;
  has(name: string): boolean;
  /** All names, where the source can tell them. */
  readonly names: readonly string[] | undefined;
}

/** What a kind of source has to bring. Throws WardError with a position that a person can go to. */
export interface CommitterReader {
  readonly kind: string;
  /** Files whose change means that it should be read again. */
  readonly files: readonly string[];
  read(): Promise<Membership>;
}

export interface CommitterSourceOptions {
  readonly id: string;
  /** `file:line:column` in the policy. */
  readonly position: string;
  readonly reader: CommitterReader;
  /** How long the last good answer counts while the source can't be read. */
  readonly staleSeconds: number;
}

export class CommitterSource {
  readonly id: string;
  readonly position: string;
  readonly kind: string;
  readonly files: readonly string[];
  readonly staleSeconds: number;
  readonly #reader: CommitterReader;
  #membership: Membership;
  #problem: WardError | undefined;
  #failingSince: number | undefined;

  private constructor(options: CommitterSourceOptions, membership: Membership) {
    this.id = options.id;
    this.position = options.position;
    this.kind = options.reader.kind;
    this.files = options.reader.files;
    this.staleSeconds = options.staleSeconds;
    this.#reader = options.reader;
    this.#membership = membership;
  }

  /** Reads the source for the first time; throws `policy-unavailable` if that fails. */
  static async open(options: CommitterSourceOptions): Promise<CommitterSource> {
    try {
      return new CommitterSource(options, await options.reader.read());
    } catch (thrown) {
      const { message } = toWardError(thrown);
      throw new WardError('policy-unavailable', `The committer source "${options.id}" (${options.position}) cannot be read: ${message}`, {
        at: options.position,
        cause: thrown,
      });
    }
  }

  get revision(): string {
    return this.#membership.revision;
  }

  /** All names, where the source can tell them. */
  get names(): readonly string[] | undefined {
    return this.#membership.names;
  }

  /** Why the last reading failed; undefined when it did not. */
  get problem(): WardError | undefined {
    return this.#problem;
  }

  /** May this person commit? Throws `policy-unavailable` when the last good answer is too old. */
  has(name: string, now: number = Date.now()): boolean {
    if (this.#failingSince !== undefined && now - this.#failingSince > this.staleSeconds * 1000) {
      throw new WardError(
        'policy-unavailable',
        `The committer source "${this.id}" could not be read for more than ${this.staleSeconds} seconds, ` +
          `so it knows nobody: ${this.#problem?.message ?? ''}`,
        { at: this.position },
      );
    }
    return this.#membership.has(name);
  }

  /** Reads again. A failure leaves the last good answer in place; `problem` then says why. */
  async reload(now: number = Date.now()): Promise<'same' | 'changed' | 'failed'> {
    try {
      const membership = await this.#reader.read();
      const changed = membership.revision !== this.#membership.revision;
      this.#membership = membership;
      this.#problem = undefined;
      this.#failingSince = undefined;
      return changed ? 'changed' : 'same';
    } catch (thrown) {
      this.#problem = toWardError(thrown);
      this.#failingSince ??= now;
      return 'failed';
    }
  }
}

export interface Standing {
  readonly isCommitter: boolean;
  /** Ids of the sources that know the person. */
  readonly sources: readonly string[];
  /** `id@revision` of every source that was asked, for the log. */
  readonly revision: string;
}

/** All sources of a policy and how they combine. */
export class Committers {
  readonly sources: readonly CommitterSource[];
  readonly combine: 'any' | 'all';

  constructor(sources: readonly CommitterSource[], combine: 'any' | 'all') {
    this.sources = sources;
    this.combine = combine;
  }

  /** Asks every source about one person. Throws `policy-unavailable` when one of them has no valid answer. */
  standing(name: string, now: number = Date.now()): Standing {
    const sources = this.sources.filter((source) => source.has(name, now)).map(({ id }) => id);
    const isCommitter = this.combine === 'any' ? sources.length > 0 : this.sources.length > 0 && sources.length === this.sources.length;
    return { isCommitter, sources, revision: this.revision };
  }

  get revision(): string {
    return this.sources.map(({ id, revision }) => `${id}@${revision}`).join(' ');
  }

  /** Everybody that some source names; undefined when one of them can't tell. */
  get names(): readonly string[] | undefined {
    const all = new Set<string>();
    for (const { names } of this.sources) {
      if (names === undefined) return undefined;
      for (const name of names) all.add(name);
    }
    return [...all].sort();
  }
}
