/**
 * Committer sources: who may commit, according to a list, a version control system's own access file, or a directory service.
 *
 * What always holds: a source that can't be read for the first time is an error; one that can't be read again keeps its last good answer,
 * says so, and after a stated time knows nobody any more. Every reader of a kind makes a whole new `Membership`; nothing is changed in
 * place. Where revisions are ordered, an older one never replaces a newer one without an administrator's word.
 *
 * @module
 */
import { toWardError, WardError } from '../../protocol/errors.ts';

/** Numbers of what a revision is made of: by file, or by whatever the source counts. */
export type Order = Readonly<Record<string, readonly number[]>>;

/** The people that one reading of a source found. */
export interface Membership {
  /** What was read, for the log: a digest or a number of the version control system. */
  readonly revision: string;
  /** Where somebody counts the revisions; undefined: nobody can say which of two is newer. */
  readonly order?: Order;
  has(name: string): boolean;
  /** All names, where the source can tell them. */
  readonly names: readonly string[] | undefined;
  /** When an answer may next change although nothing is read, in milliseconds since 1970; undefined: never. */
  nextChange?(now: number): number | undefined;
}

/** What a kind of source has to bring. Throws WardError with a position that a person can go to. */
export interface CommitterReader {
  readonly kind: string;
  /** Files whose change means that it should be read again. */
  readonly files: readonly string[];
  /** Milliseconds between two readings of what has no file to look at. */
  readonly pollMs?: number;
  read(): Promise<Membership>;
}

/** Remembers revisions beyond the life of a source, and knows which older ones an administrator accepts. */
export interface RevisionMemory {
  /** @throws WardError `policy-unavailable` for a revision that is older than what is known */
  admit(source: { readonly id: string; readonly subject: string }, membership: Membership): Promise<void>;
}

export interface CommitterSourceOptions {
  readonly id: string;
  /** `file:line:column` in the policy. */
  readonly position: string;
  readonly reader: CommitterReader;
  /** How long the last good answer counts while the source can't be read. */
  readonly staleSeconds: number;
  /** What is read, as text: a source of the same id with another subject is another source. */
  readonly subject?: string;
  readonly memory?: RevisionMemory;
}

/** How a source is, for people. */
export interface SourceStatus {
  readonly id: string;
  readonly kind: string;
  readonly revision: string;
  /** Number of people, where the source can tell them. */
  readonly people?: number;
  /** When the answer in force was read, in milliseconds since 1970. */
  readonly readAt: number;
  /** Longest time after a change until live sessions are judged by it. */
  readonly worstDelaySeconds: number;
  readonly staleSeconds: number;
  readonly problem?: string;
  /** While there is a problem: when the source begins to know nobody. */
  readonly knowsNobodyFrom?: number;
}

/** A reading that takes longer has failed, whatever becomes of it. */
const readingMs = 10_000;
/** Files are looked at once a second; then everybody is judged again. */
const fileDelaySeconds = 2;

/** What a source of before leaves to the one that takes its place. */
interface Legacy {
  readonly membership: Membership;
  readonly readAt: number;
  readonly failingSince: number;
  readonly problem: WardError;
}

export class CommitterSource {
  readonly id: string;
  readonly position: string;
  readonly kind: string;
  readonly staleSeconds: number;
  readonly pollMs: number | undefined;
  readonly #options: CommitterSourceOptions;
  #membership: Membership;
  #readAt: number;
  #problem: WardError | undefined;
  #failingSince: number | undefined;
  #reading: Promise<Membership> | undefined;

  private constructor(options: CommitterSourceOptions, membership: Membership, readAt = Date.now()) {
    this.id = options.id;
    this.position = options.position;
    this.kind = options.reader.kind;
    this.staleSeconds = options.staleSeconds;
    this.pollMs = options.reader.pollMs;
    this.#options = options;
    this.#membership = membership;
    this.#readAt = readAt;
  }

  /**
   * Reads the source for the first time. If that fails, `before` (the same source under an older policy) leaves it its last good answer.
   *
   * @throws WardError `policy-unavailable` when there is no answer at all
   */
  static async open(options: CommitterSourceOptions, before?: CommitterSource): Promise<CommitterSource> {
    try {
      return new CommitterSource(options, await inTime(readWhole(options)));
    } catch (thrown) {
      const problem = toWardError(thrown);
      if (before !== undefined && before.subject !== undefined && before.subject === options.subject) {
        const legacy = before.#leave(problem);
        const source = new CommitterSource(options, legacy.membership, legacy.readAt);
        source.#problem = legacy.problem;
        source.#failingSince = legacy.failingSince;
        return source;
      }
      const sentence = `The committer source "${options.id}" (${options.position}) cannot be read: ${problem.message}`;
      throw new WardError('policy-unavailable', sentence, { at: options.position, cause: thrown });
    }
  }

  get files(): readonly string[] {
    return this.#options.reader.files;
  }

  get subject(): string | undefined {
    return this.#options.subject;
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

  get status(): SourceStatus {
    const { names } = this;
    return {
      id: this.id,
      kind: this.kind,
      revision: this.revision,
      ...(names === undefined ? {} : { people: names.length }),
      readAt: this.#readAt,
      // What changes while a reading goes on may be seen by the next one only.
      worstDelaySeconds: this.pollMs === undefined ? fileDelaySeconds : Math.ceil((Math.max(this.pollMs, readingMs) + readingMs) / 1000) + 1,
      staleSeconds: this.staleSeconds,
      ...(this.#problem === undefined
        ? {}
        : { problem: this.#problem.message, knowsNobodyFrom: this.#failingSince! + this.staleSeconds * 1000 }),
    };
  }

  /** When an answer may next change although nothing is read, in milliseconds since 1970. */
  nextChange(now: number): number | undefined {
    return this.#membership.nextChange?.(now);
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
      const membership = await inTime(this.#readAgain());
      const changed = membership.revision !== this.#membership.revision;
      this.#membership = membership;
      this.#readAt = now;
      this.#problem = undefined;
      this.#failingSince = undefined;
      return changed ? 'changed' : 'same';
    } catch (thrown) {
      this.#problem = toWardError(thrown);
      this.#failingSince ??= now;
      return 'failed';
    }
  }

  /** One reading at a time, and never one that began before it was asked for: it may have read what is no longer so. */
  async #readAgain(): Promise<Membership> {
    await this.#reading?.catch(() => undefined);
    this.#reading = readWhole(this.#options).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  #leave(problem: WardError): Legacy {
    return {
      membership: this.#membership,
      readAt: this.#readAt,
      problem,
      failingSince: this.#failingSince ?? Date.now(),
    };
  }
}

const readWhole = async (options: CommitterSourceOptions): Promise<Membership> => {
  const membership = await options.reader.read();
  await options.memory?.admit({ id: options.id, subject: options.subject ?? '' }, membership);
  return membership;
};

const inTime = async (reading: Promise<Membership>): Promise<Membership> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new WardError('policy-unavailable', `no answer within ${readingMs / 1000} seconds`)), readingMs);
  return Promise.race([reading, late]).finally(() => clearTimeout(timer));
};

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

  /**
   * Asks every source about one person. Throws `policy-unavailable` when one of them has no valid answer, also where others would be
   * enough: a rule may deny something to the people of that very source.
   */
  standing(name: string, now: number = Date.now()): Standing {
    const sources = this.sources.filter((source) => source.has(name, now)).map(({ id }) => id);
    const isCommitter = this.combine === 'any' ? sources.length > 0 : this.sources.length > 0 && sources.length === this.sources.length;
    return { isCommitter, sources, revision: this.revision };
  }

  get revision(): string {
    return this.sources.map(({ id, revision }) => `${id}@${revision}`).join(' ');
  }

  /** When somebody's standing may next change although nothing is read, in milliseconds since 1970. */
  nextChange(now: number): number | undefined {
    const changes = this.sources.map((source) => source.nextChange(now)).filter((change) => change !== undefined);
    return changes.length === 0 ? undefined : Math.min(...changes);
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
