/**
 * Signed checkpoints: how far the log reached at a time, kept apart from the log, so that its tail can't be cut off unseen.
 *
 * What always holds: everything a checkpoint covers is on disk before it is written; the file is replaced whole.
 *
 * @module
 */
import { signCheckpoint, type Checkpoint } from '../../policy/log/checkpoint.ts';
import type { AppendLog } from './append-log.ts';
import { replaceFile } from './files.ts';
import type { Secrets } from './secrets.ts';

export interface CheckpointOptions {
  readonly file: string;
  readonly origin: string;
  /** At least one in this time, when there was anything new. */
  readonly everyMs: number;
}

export class Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #log: AppendLog;
  readonly #secrets: Secrets;
  readonly #timer: NodeJS.Timeout;
  #lastSeq: number;

  constructor(options: CheckpointOptions, log: AppendLog, secrets: Secrets) {
    this.#options = options;
    this.#log = log;
    this.#secrets = secrets;
    this.#lastSeq = log.end.seq;
    this.#timer = setInterval(() => {
      // A disk that is full shows in the next append, which is refused; the next checkpoint tries again.
      if (log.end.seq > this.#lastSeq) this.write().catch(() => {});
    }, options.everyMs).unref();
  }

  /** Signs and writes one now. Rejects with `log-unavailable`, or with what the file system said. */
  async write(): Promise<Checkpoint> {
    const { end } = this.#log;
    await this.#log.synced();
    return this.#write(end);
  }

  /** The last one, after the log was closed. */
  finish(): void {
    clearInterval(this.#timer);
    if (this.#log.end.seq > this.#lastSeq) this.#write(this.#log.end);
  }

  #write(end: { seq: number; hash: string }): Checkpoint {
    const { file, origin } = this.#options;
    const checkpoint = signCheckpoint(end, origin, new Date(), this.#secrets.key, this.#secrets.publicKey);
    if (end.seq < this.#lastSeq) return checkpoint;
    replaceFile(file, `${JSON.stringify(checkpoint)}\n`, 0o644);
    this.#lastSeq = end.seq;
    return checkpoint;
  }
}
