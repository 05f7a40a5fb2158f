/**
 * Looks once a second whether policy, committer lists, certificates or revocation lists changed on disk, also when they were
 * replaced by rename or lie on NFS. A change is read whole and checked whole; what is broken never replaces what is good.
 *
 * @module
 */
import { statSync } from 'node:fs';
import { toWardError, type WardError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import type { PolicyHolder } from './policy-holder.ts';

const lookMs = 1_000;

export interface WatcherEvents {
  /** Policy, committers or revocation changed: every live session is to be judged again. */
  changed(): void;
  /** TLS files changed. May throw: then they are not in force. */
  tls(): void;
  /** A new policy is in force. */
  policy(): void;
  /** A committer source was read again. */
  committers(): void;
  /** A new file is broken; `event` is what the log calls that. */
  trouble(error: WardError, event: 'policy.refused' | 'committers.failed'): void;
}

const stamp = (path: string): string => {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(':');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
};

const stampAll = (paths: readonly string[]): string => paths.map(stamp).join(' ');

export class Watcher {
  readonly #config: ServerConfig;
  readonly #policy: PolicyHolder;
  readonly #events: WatcherEvents;
  #timer: NodeJS.Timeout | undefined;
  #policySeen = '';
  #sourcesSeen = '';
  #tlsSeen = '';

  constructor(config: ServerConfig, policy: PolicyHolder, events: WatcherEvents) {
    this.#config = config;
    this.#policy = policy;
    this.#events = events;
  }

  start(): void {
    this.#policySeen = stamp(this.#policy.file);
    this.#sourcesSeen = stampAll(this.#policy.sourceFiles);
    this.#tlsSeen = stampAll(Object.values(this.#config.tls));
    this.#timer = setTimeout(() => void this.#look(), lookMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const looks = [() => this.#lookAtTls(), () => this.#lookAtPolicy(), () => this.#lookAtSources()];
    for (const look of looks) {
      try {
        if (await look()) this.#events.changed();
      } catch (error) {
        this.#events.trouble(toWardError(error), 'policy.refused');
      }
    }
    this.#timer = setTimeout(() => void this.#look(), lookMs).unref();
  }

  async #lookAtTls(): Promise<boolean> {
    const seen = stampAll(Object.values(this.#config.tls));
    if (seen === this.#tlsSeen) return false;
    this.#tlsSeen = seen;
    this.#events.tls();
    return true;
  }

  async #lookAtPolicy(): Promise<boolean> {
    const seen = stamp(this.#policy.file);
    if (seen === this.#policySeen) return false;
    this.#policySeen = seen;
    await this.#policy.reload();
    this.#events.policy();
    return true;
  }

  /** A source in trouble is read at every look: its stated time may have run out, or it may be well again. */
  async #lookAtSources(): Promise<boolean> {
    const seen = stampAll(this.#policy.sourceFiles);
    const troubled = this.#policy.problems.length > 0;
    if (seen === this.#sourcesSeen && !troubled) return false;
    const changed = seen !== this.#sourcesSeen;
    this.#sourcesSeen = seen;
    await this.#policy.reloadSources();
    if (changed) {
      this.#events.committers();
      for (const problem of this.#policy.problems) this.#events.trouble(problem, 'committers.failed');
    }
    return true;
  }
}
