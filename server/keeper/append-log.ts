/**
 * The log on disk: appends lines, keeps the chain, rotates files. The only code that writes the log.
 *
 * What always holds: an append is answered after write(2) gave all of it to the kernel, so a killed process loses nothing that was
 * answered; it is on disk 5 ms later, or before the answer with `durability: power`. A write that fails in the middle is taken back.
 * After a failed fdatasync nothing is written any more, because nobody can know what the disk has.
 *
 * @module
 */
import { closeSync, fdatasync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import type { LogEvent } from '../../policy/log/events.ts';
import { formatRecord, logFileName, maxLineBytes, type ChainEnd } from '../../policy/log/record.ts';
import { syncDirectory } from './files.ts';

export type Durability = 'process' | 'power';

export interface AppendLogOptions {
  readonly directory: string;
  readonly durability: Durability;
  /** A file is closed and the next begun when it has at least this many bytes. */
  readonly rotateBytes: number;
}

interface Pending {
  readonly event: LogEvent;
  readonly resolve: (end: ChainEnd) => void;
  readonly reject: (error: WardError) => void;
}

interface LogFile {
  readonly fd: number;
  /** Bytes that belong to whole, answered lines. */
  size: number;
  dirty: boolean;
  syncing: boolean;
  retired: boolean;
}

const syncDelayMs = 5;

const unavailable = (what: string, cause: unknown): WardError => {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const reason = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : code === 'EFBIG' ? 'the file may not grow' : code;
  return new WardError('log-unavailable', `The decision log cannot be ${what}: ${reason}.`, { cause });
};

export class AppendLog {
  readonly #options: AppendLogOptions;
  #end: ChainEnd;
  #file: LogFile | undefined;
  #pending: Pending[] = [];
  #flushPlanned = false;
  #syncPlanned = false;
  /** Who waits for the disk. */
  #waiting: { done: () => void; failed: (error: WardError) => void }[] = [];
  #broken: WardError | undefined;

  /** `end` and `file` (where the chain goes on, if anywhere) come from `recoverLog`. */
  constructor(options: AppendLogOptions, end: ChainEnd, file: string | undefined) {
    this.#options = options;
    this.#end = end;
    if (file !== undefined) this.#file = this.#openFile(file);
  }

  /** The last record that was answered or is about to be. */
  get end(): ChainEnd {
    return this.#end;
  }

  /** Why nothing can be written any more; undefined while it can. */
  get broken(): WardError | undefined {
    return this.#broken;
  }

  /** Appends one event that was checked. Rejects with `log-unavailable`; then it is not in the log. */
  append(event: LogEvent): Promise<ChainEnd> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#pending.push({ event, resolve, reject });
      if (this.#flushPlanned) return;
      this.#flushPlanned = true;
      // Everything that arrives in one turn of the event loop is one write.
      setImmediate(() => this.#flush());
    });
  }

  /** Resolves when everything answered so far is on disk. */
  synced(): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (this.#file === undefined || !(this.#file.dirty || this.#file.syncing)) return Promise.resolve();
    return new Promise((done, failed) => {
      this.#waiting.push({ done, failed });
      this.#file!.dirty = true;
      this.#sync(this.#file!);
    });
  }

  /** Writes what is pending, syncs and closes. */
  close(): void {
    this.#flush();
    if (this.#file !== undefined) this.#retire(this.#file);
    this.#file = undefined;
    this.#broken ??= new WardError('log-unavailable', 'The decision log is closed.');
  }

  #flush(): void {
    this.#flushPlanned = false;
    const group = this.#pending;
    this.#pending = [];
    if (group.length === 0) return;
    let end = this.#end;
    const lines: string[] = [];
    const written: { pending: Pending; end: ChainEnd }[] = [];
    const now = new Date();
    for (const pending of group) {
      const record = formatRecord(end, pending.event, now);
      if (Buffer.byteLength(record.line) > maxLineBytes) {
        pending.reject(new WardError('limit-exceeded', 'A log record would be longer than a line may be.'));
        continue;
      }
      end = record.end;
      lines.push(record.line);
      written.push({ pending, end });
    }
    if (written.length === 0) return;
    try {
      this.#write(Buffer.from(lines.join('')));
    } catch (thrown) {
      const error = thrown instanceof WardError ? thrown : unavailable('written', thrown);
      for (const { pending } of written) pending.reject(error);
      return;
    }
    this.#end = end;
    const answer = () => {
      for (const { pending, end: own } of written) pending.resolve(own);
    };
    if (this.#options.durability === 'process') {
      answer();
      this.#planSync();
    } else {
      this.#waiting.push({
        done: answer,
        failed: (error) => {
          for (const { pending } of written) pending.reject(error);
        },
      });
      this.#sync(this.#file!);
    }
  }

  /** All of the bytes or none: what a full disk left of them is cut off again. */
  #write(bytes: Buffer): void {
    if (this.#broken !== undefined) throw this.#broken;
    const file = this.#currentFile();
    let offset = 0;
    try {
      while (offset < bytes.length) offset += writeSync(file.fd, bytes, offset);
    } catch (thrown) {
      try {
        ftruncateSync(file.fd, file.size);
      } catch (cause) {
        this.#broken = unavailable('repaired after a failed write', cause);
      }
      throw thrown;
    }
    file.size += bytes.length;
    file.dirty = true;
  }

  #currentFile(): LogFile {
    if (this.#file !== undefined && this.#file.size >= this.#options.rotateBytes) {
      this.#retire(this.#file);
      this.#file = undefined;
    }
    this.#file ??= this.#openFile(logFileName(this.#end.seq + 1));
    return this.#file;
  }

  #openFile(name: string): LogFile {
    const fd = openSync(join(this.#options.directory, name), 'a', 0o640);
    try {
      syncDirectory(this.#options.directory);
      return { fd, size: fstatSync(fd).size, dirty: false, syncing: false, retired: false };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Syncs a file for good and closes it, at once or when the sync that is under way has ended. */
  #retire(file: LogFile): void {
    try {
      fdatasyncSync(file.fd);
    } catch (cause) {
      throw (this.#broken ??= unavailable('brought to disk', cause));
    }
    file.retired = true;
    file.dirty = false;
    if (!file.syncing) closeSync(file.fd);
  }

  #planSync(): void {
    if (this.#syncPlanned) return;
    this.#syncPlanned = true;
    setTimeout(() => {
      this.#syncPlanned = false;
      if (this.#file?.dirty === true) this.#sync(this.#file);
    }, syncDelayMs);
  }

  #sync(file: LogFile): void {
    if (file.syncing) return;
    file.syncing = true;
    file.dirty = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    fdatasync(file.fd, (cause) => {
      file.syncing = false;
      if (file.retired) closeSync(file.fd);
      const error = cause === null ? undefined : (this.#broken ??= unavailable('brought to disk', cause));
      for (const { done, failed } of waiting) {
        if (error === undefined) done();
        else failed(error);
      }
      if (this.#waiting.length > 0) this.#resume();
      else if (file.dirty) this.#planSync();
    });
  }

  #resume(): void {
    if (this.#file !== undefined) {
      this.#sync(this.#file);
      return;
    }
    // The file was closed in the meantime, which brought everything to disk.
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done();
  }
}
