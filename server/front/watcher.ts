/**
 * Looks once a second whether policy, committer sources, certificates, revocation lists or the farm file changed on disk. A change is read whole and
 * checked whole; what is broken never replaces what is good, and is said once, loudly, until it is well again.
 *
 * What always holds: each thing is looked at on its own, so that one that hangs holds up no other; whatever happened, everybody is judged
 * again soon after, because rights also end by time alone.
 *
 * @module
 */
import type { CommitterSource } from '../../policy/committers/source.ts';
import { FarmFile } from '../../policy/farm-file.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { FileWatch } from './file-watch.ts';
import type { PolicyHolder } from './policy-holder.ts';

const lookMs = 1_000;
/** Everybody is judged again at least so often. */
const judgeMs = 10_000;
/** What could not be read is read again so often, changed or not. */
const retryMs = 5_000;

export type TroubleEvent = 'policy.refused' | 'committers.failed' | 'tls.refused' | 'keytab.refused' | 'krl.refused' | 'farm.refused';

export interface WatcherEvents {
  /** Something changed, or may have: every live session is to be judged again. */
  changed(): void;
  /** TLS files changed. Returns what is wrong with them: the last good ones are in force there. */
  tls(): readonly WardError[];
  /** The keytab changed. @throws WardError when it is broken: the keys that were good stay in force */
  keytab(): void;
  /** The list of revoked SSH keys changed. @throws WardError when it is broken: the last good one stays in force */
  krl(): void;
  /** The farm file changed. Rejects when it is broken: the last good one stays in force */
  farm(): Promise<void>;
  /** A new policy is in force. */
  policy(): void;
  /** A committer source has a new revision, or can be read again. */
  committers(source: CommitterSource): void;
  /** A new file is broken; `event` is what the log calls that. */
  trouble(error: WardError, event: TroubleEvent): void;
}

interface SourceWatch {
  readonly files: FileWatch;
  nextReading: number;
  busy: boolean;
}

/** A file that is taken whole or not at all, and that nothing else depends on. */
interface SingleFile {
  readonly name: 'keytab' | 'krl' | 'farm';
  readonly files: FileWatch;
  readonly event: TroubleEvent;
  /** When it is read again without having changed. */
  retry: number;
}

const watchOne = (...files: readonly (string | undefined)[]): FileWatch => {
  const named = files.filter((file) => file !== undefined);
  return new FileWatch(() => named);
};

const peerFiles = ({ shared }: ServerConfig): readonly string[] => (shared?.peers === undefined ? [] : [shared.peers.ca, shared.peers.crl]);

export class Watcher {
  readonly #config: ServerConfig;
  readonly #policy: PolicyHolder;
  readonly #events: WatcherEvents;
  readonly #sources = new WeakMap<CommitterSource, SourceWatch>();
  readonly #policyFile: FileWatch;
  readonly #tlsFiles: FileWatch;
  readonly #single: readonly SingleFile[];
  /** Troubles that were said already. */
  readonly #said = new Map<string, string>();
  #policyRetry = 0;
  #tlsRetry = Infinity;
  #judged = 0;
  #nextChange: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: ServerConfig, policy: PolicyHolder, events: WatcherEvents) {
    this.#config = config;
    this.#policy = policy;
    this.#events = events;
    this.#policyFile = new FileWatch(() => [policy.file]);
    this.#tlsFiles = new FileWatch(() => [...Object.values(this.#config.tls), ...Object.values(this.#config.clients ?? {}), ...peerFiles(this.#config)]);
    this.#single = [
      { name: 'keytab', files: watchOne(config.krb5?.keytab), event: 'keytab.refused', retry: Infinity },
      { name: 'krl', files: watchOne(config.ssh?.krl), event: 'krl.refused', retry: Infinity },
      { name: 'farm', files: watchOne(...config.farm === undefined ? [] : FarmFile.files(config.farm)), event: 'farm.refused', retry: Infinity },
    ];
  }

  start(): void {
    const looking = new Set<string>();
    const alone = (which: string, look: () => Promise<void>): void => {
      if (looking.has(which)) return;
      looking.add(which);
      void look().finally(() => looking.delete(which));
    };
    this.#timer = setInterval(() => {
      alone('tls', () => this.#lookAtTls());
      for (const file of this.#single) alone(file.name, () => this.#lookAtFile(file));
      alone('policy', () => this.#lookAtPolicy());
      for (const source of this.#policy.sources) void this.#lookAtSource(source);
      const now = Date.now();
      if (now - this.#judged >= judgeMs || now >= (this.#nextChange ?? Infinity)) this.#judge();
    }, lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #judge(): void {
    this.#judged = Date.now();
    this.#nextChange = this.#policy.current.committers.nextChange(this.#judged);
    this.#events.changed();
  }

  async #lookAtTls(): Promise<void> {
    const changed = await this.#tlsFiles.look();
    if (!changed && Date.now() < this.#tlsRetry) return;
    const problems = this.#events.tls();
    this.#tlsRetry = problems.length === 0 ? Infinity : Date.now() + retryMs;
    this.#tell('tls', problems.map(({ message }) => message).join(' '), () => problems.forEach((problem) => this.#events.trouble(problem, 'tls.refused')));
    this.#judge();
  }

  async #lookAtFile(file: SingleFile): Promise<void> {
    const { name, event } = file;
    const changed = await file.files.look();
    if (!changed && Date.now() < file.retry) return;
    try {
      await this.#events[name]();
      file.retry = Infinity;
      this.#said.delete(name);
    } catch (thrown) {
      const error = toWardError(thrown);
      file.retry = Date.now() + retryMs;
      this.#tell(name, error.message, () => this.#events.trouble(error, event));
    }
    this.#judge();
  }

  async #lookAtPolicy(): Promise<void> {
    const changed = await this.#policyFile.look();
    const retry = this.#policy.problem !== undefined && Date.now() >= this.#policyRetry;
    if (!changed && !retry) return;
    try {
      const { digest } = this.#policy.current;
      await this.#policy.reload();
      const wasRefused = this.#said.delete('policy');
      if (wasRefused || digest !== this.#policy.current.digest) this.#events.policy();
    } catch (thrown) {
      const error = toWardError(thrown);
      this.#policyRetry = Date.now() + retryMs;
      this.#tell('policy', error.message, () => this.#events.trouble(error, 'policy.refused'));
    }
    this.#judge();
  }

  async #lookAtSource(source: CommitterSource): Promise<void> {
    const watch = this.#watchOf(source);
    if (watch.busy) return;
    watch.busy = true;
    try {
      const changed = await watch.files.look();
      const due = Date.now() >= watch.nextReading;
      if (changed || due) await this.#read(source, watch);
      // While a source is in trouble, the end of its stated time counts to the second.
      else if (source.problem !== undefined) this.#judge();
    } finally {
      watch.busy = false;
    }
  }

  async #read(source: CommitterSource, watch: SourceWatch): Promise<void> {
    const began = Date.now();
    const outcome = await source.reload();
    if (!this.#policy.sources.includes(source)) return;
    watch.nextReading = nextReading(source, began);
    if (source.problem === undefined) {
      const wasInTrouble = this.#said.delete(`source ${source.id}`);
      if (outcome === 'changed' || wasInTrouble) this.#events.committers(source);
    } else {
      const { message, at } = source.problem;
      const error = new WardError('policy-unavailable', `The committer source "${source.id}" cannot be read: ${message}`, { at: at ?? source.position });
      this.#tell(`source ${source.id}`, message, () => this.#events.trouble(error, 'committers.failed'));
    }
    this.#judge();
  }

  #watchOf(source: CommitterSource): SourceWatch {
    const known = this.#sources.get(source) ?? { files: new FileWatch(() => source.files), nextReading: nextReading(source), busy: false };
    this.#sources.set(source, known);
    return known;
  }

  /** Says the same once. */
  #tell(what: string, message: string, say: () => void): void {
    if (this.#said.get(what) === message) return;
    this.#said.set(what, message);
    say();
  }
}

/** Counted from the beginning of the last reading, which says nothing about what changed while it went on. */
const nextReading = ({ problem, pollMs = Infinity }: CommitterSource, began = Date.now()): number =>
  problem === undefined ? began + pollMs : Date.now() + Math.min(retryMs, pollMs);
