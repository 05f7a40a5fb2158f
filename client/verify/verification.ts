/**
 * Compiles a share of jobs a second time, after their results were delivered: here, where a slot is free, or on another server. One at a
 * time, and only so many wait; what comes too fast is passed over and counted, so that the cost is bounded whatever the share is.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toWardError } from '../../protocol/errors.ts';
import type { LocalSlots } from '../agent/local-slots.ts';
import type { CompileCommand } from '../command/index.ts';
import type { CompileOptions, Farm, FarmJob, FarmResult } from '../farm/farm.ts';
import type { KeptOutput } from '../results/result-file.ts';
import type { Alarms } from './alarms.ts';
import { compileHere, type LocalRun } from './compile-here.ts';
import { differences, isConfirmed, judge, type Sent } from './judge.ts';

/** Jobs that may wait, and bytes of results that are held for them. */
const mostWaiting = 64;
const mostBytes = 64 * 2 ** 20;

/** A job whose result was delivered. */
export interface Delivered {
  /** As it was typed. */
  readonly command: CompileCommand;
  /** As it was sent. */
  readonly job: FarmJob;
  readonly result: FarmResult;
  /** The result as it came to lie here. */
  readonly made: { readonly outputs: readonly KeptOutput[] };
  /** $PATH of the person. */
  readonly path: string;
  readonly options: CompileOptions;
  /** Are the inputs still what they were? */
  unchanged(): boolean;
  /** The result was wrong: it must not be given again. */
  forget(): void;
}

/** Jobs that were drawn, and what became of them. `skipped`: too many, or the inputs changed, or it could not be compiled again. */
export interface VerifyCounts {
  drawn: number;
  agreed: number;
  differed: number;
  unsteady: number;
  skipped: number;
}

const none = (): VerifyCounts => ({ drawn: 0, agreed: 0, differed: 0, unsteady: 0, skipped: 0 });

const sentOf = (outputs: readonly KeptOutput[]): Sent => new Map(outputs.map(({ index, content }) => [index, content]));
const bytesOf = ({ job, made: { outputs } }: Delivered): number => outputs.reduce((sum, { content }) => sum + content.length, job.tree.length);
/** Who vouches for a result: two servers that share a cache may both give what one of them made. */
const makerOf = ({ result: { server, signed } }: FarmResult): string => JSON.stringify([server, signed?.key]);

export interface VerificationOptions {
  readonly farm: Pick<Farm, 'compile'>;
  readonly slots: LocalSlots;
  readonly alarms: Alarms;
  /** For outputs of compiles that are made only to be compared. */
  readonly directory: string;
}

export class Verification {
  readonly alarms: Alarms;
  readonly #options: VerificationOptions;
  readonly #waiting: Delivered[] = [];
  readonly #ending = new AbortController();
  #bytes = 0;
  #busy: Promise<void> | undefined;
  #counts = none();

  constructor(options: VerificationOptions) {
    this.#options = options;
    this.alarms = options.alarms;
  }

  get counts(): VerifyCounts {
    return { ...this.#counts };
  }

  zero(): void {
    this.#counts = none();
  }

  /** Goes on counting from there. */
  restore(counts: Readonly<VerifyCounts>): void {
    this.#counts = { ...counts };
  }

  /** Returns at once. */
  add(delivered: Delivered): void {
    this.#counts.drawn += 1;
    const bytes = bytesOf(delivered);
    if (this.#waiting.length >= mostWaiting || this.#bytes + bytes > mostBytes) {
      this.#counts.skipped += 1;
      return;
    }
    this.#bytes += bytes;
    this.#waiting.push(delivered);
    this.#busy ??= this.#work();
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#busy;
  }

  /** Ends a compile that runs. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    this.#ending.abort();
    await this.#busy;
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const kind = await this.#verify(next).catch(() => 'skipped' as const);
      this.#counts[kind] += 1;
      this.#bytes -= bytesOf(next);
    }
    this.#busy = undefined;
  }

  async #verify(delivered: Delivered): Promise<Exclude<keyof VerifyCounts, 'drawn'>> {
    const { slots } = this.#options;
    let slot = slots.tryAcquire();
    let other: FarmResult | undefined;
    if (slot === undefined) {
      other = await this.#elsewhere(delivered);
      if (other !== undefined && this.#isSame(delivered, other)) return 'agreed';
      slot = await slots.acquireIdle(this.#ending.signal);
    }
    try {
      return await this.#compare(delivered, other);
    } finally {
      slot.release();
    }
  }

  /** The same job by another server; undefined where there is none, or it has it from the first. */
  async #elsewhere({ job, result, options }: Delivered): Promise<FarmResult | undefined> {
    try {
      const again = { ...job, probe: { ...job.probe, id: randomUUID() } };
      const other = await this.#options.farm.compile(again, this.#ending.signal, { ...options, except: result.server });
      return makerOf(other) === makerOf(result) ? undefined : other;
    } catch (thrown) {
      if (this.#ending.signal.aborted) throw toWardError(thrown);
      return undefined;
    }
  }

  #isSame({ command, result }: Delivered, other: FarmResult): boolean {
    const { status } = other.result;
    const roles = command.outputs.map(({ role }) => role);
    return status.code === 0 && status.signal === 0 && differences(roles, sentOf(result.outputs), sentOf(other.outputs)).length === 0;
  }

  /** Compiles here: once, and again, elsewhere on this disk, if that is not what the server made. */
  async #compare(delivered: Delivered, other: FarmResult | undefined): Promise<Exclude<keyof VerifyCounts, 'drawn'>> {
    const { command, made, path } = delivered;
    const roles = command.outputs.map(({ role }) => role);
    const sent = sentOf(made.outputs);
    // Names of other lengths, too: some of what is written counts characters.
    const directory = join(this.#options.directory, `${process.pid}`);
    const run = (name: string): Promise<LocalRun> => compileHere(command, path, join(directory, name), this.#ending.signal);
    try {
      const first = await run('1');
      if (isConfirmed(roles, sent, first) && other === undefined) return delivered.unchanged() ? 'agreed' : 'skipped';
      const second = await run('second');
      if (!delivered.unchanged()) return 'skipped';
      const judgements = [{ of: delivered.result, sent }, ...(other === undefined ? [] : [{ of: other, sent: sentOf(other.outputs) }])]
        .map((each) => ({ ...each, judgement: judge(roles, each.sent, [first, second]) }));
      for (const { of, sent: theirs, judgement } of judgements) {
        if (judgement.kind === 'differed') await this.#alarm(delivered, of, theirs, first, judgement.outputs);
      }
      const kinds = judgements.map(({ judgement: { kind } }) => kind);
      if (kinds[0] === 'differed') delivered.forget();
      if (kinds.includes('differed')) return 'differed';
      return kinds.includes('unknown') ? 'skipped' : kinds.includes('unsteady') ? 'unsteady' : 'agreed';
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  async #alarm({ command, job }: Delivered, { server, result, envelope }: FarmResult, sent: Sent, here: LocalRun, outputs: readonly number[]): Promise<void> {
    await this.alarms.raise({
      server, maker: result.server, key: result.signed?.key, envelope, command, toolchain: job.probe.toolchain, outputs, sent, here: here.outputs,
    });
  }
}
