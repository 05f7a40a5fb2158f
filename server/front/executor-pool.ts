/**
 * The front's side of the executors: each has one job at a time. There are some more of them than compilers may run at once: while all
 * compilers run, the spare executors lay out inputs and build sandboxes, so that the next compiler starts in the moment in which one
 * ends. A job waits for an executor in a fair line; the executor gets the list of inputs and names of places, never a body.
 *
 * @module
 */
import { unlink } from 'node:fs';
import { join } from 'node:path';
import { inOrder } from '../../protocol/action.ts';
import { WardError } from '../../protocol/errors.ts';
import type { IpcPeer } from '../ipc/peer.ts';
import { JobFailure } from '../jobs/job-failure.ts';
import type { ExecutorJob, Executors, Outcome, StoredFile, Usage } from '../jobs/services.ts';
import { FairLine, type Customer, type Release } from '../queue/fair-line.ts';
import type { Store } from '../store/store.ts';
import { readAnswer } from './executor-answer.ts';

interface Slot {
  readonly peer: IpcPeer;
  readonly number: number;
}

export class ExecutorPool implements Executors {
  readonly #line: FairLine;
  /** Compilers that run. */
  readonly #turns: FairLine;
  /** By executor: gives back the turn of the job with this name. */
  readonly #turnOf = new Map<string, Release>();
  readonly #store: Store;
  readonly #resultRoot: string;
  readonly #free: Slot[] = [];
  readonly #all = new Set<Slot>();
  /** Holders of a place in line for whom no executor is connected at the moment: one was lost and is being started again. */
  readonly #awaiting: ((slot: Slot) => void)[] = [];
  #serial = 0;
  /** Told what each job used. */
  onRun: (usage: Usage) => void = () => {};

  /** @param compilers how many may run at once */
  constructor({ executors, compilers }: { readonly executors: number; readonly compilers: number }, store: Store, resultRoot: string) {
    // Admission bounds how many can wait here.
    this.#line = new FairLine(executors, Infinity);
    this.#turns = new FairLine(compilers, Infinity);
    this.#store = store;
    this.#resultRoot = resultRoot;
  }

  /** Compiles that run at this moment. */
  get running(): number {
    return this.#turns.taken;
  }

  get connected(): number {
    return this.#all.size;
  }

  /** An executor connected and is idle. */
  add(number: number, peer: IpcPeer): void {
    const slot: Slot = { number, peer };
    this.#all.add(slot);
    peer.onNotify(({ type, job }: { type?: unknown; job?: unknown }) => {
      if (type === 'compiled') this.#turnOf.get(`${number} ${String(job)}`)?.();
    });
    void peer.closed.then(() => {
      this.#all.delete(slot);
      const index = this.#free.indexOf(slot);
      if (index >= 0) this.#free.splice(index, 1);
    });
    this.#giveBack(slot);
  }

  async run(job: ExecutorJob, customer: Customer, signal: AbortSignal): Promise<Outcome> {
    const release = await this.#line.enter(customer, signal);
    let slot: Slot | undefined;
    try {
      slot = await this.#takeSlot(signal);
      return await this.#runOn(slot, job, customer, signal);
    } finally {
      if (slot !== undefined) this.#giveBack(slot);
      release();
    }
  }

  #takeSlot(signal: AbortSignal): Promise<Slot> {
    const slot = this.#free.pop();
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve, reject) => {
      this.#awaiting.push(resolve);
      signal.addEventListener('abort', () => {
        const index = this.#awaiting.indexOf(resolve);
        if (index >= 0) this.#awaiting.splice(index, 1);
        reject(signal.reason);
      }, { once: true });
    });
  }

  #giveBack(slot: Slot): void {
    if (!this.#all.has(slot)) return;
    const next = this.#awaiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }

  async #runOn(slot: Slot, { probe, decision, toolchain, tree }: ExecutorJob, customer: Customer, signal: AbortSignal): Promise<Outcome> {
    const job = String(++this.#serial);
    const kill = (): void => slot.peer.notify({ type: 'kill', job });
    if (signal.aborted) throw signal.reason;
    signal.addEventListener('abort', kill, { once: true });
    const resultDir = join(this.#resultRoot, String(slot.number));
    const turn = this.#enterTurn(slot, job, customer);
    try {
      const { json: done } = await slot.peer.request(
        {
          type: 'run',
          job,
          toolchainRoot: toolchain.root,
          includeMounts: toolchain.includeDirs,
          argv: probe.argv,
          env: probe.env,
          cwd: probe.cwd,
          pwd: probe.pwd,
          umask: probe.umask,
          outputs: probe.outputs,
          limits: decision.limits,
          storeDir: this.#store.directoryOf(decision.domain),
          resultDir,
          waits: turn.waits,
        },
        tree,
      );
      const { verdict, ...answer } = readAnswer(done, join(resultDir, job), probe.outputs.length);
      this.onRun(answer.usage);
      const discard = (): void => {
        for (const { path } of inOrder<StoredFile>(answer)) unlink(path, () => {});
      };
      if (verdict === undefined) return { ...answer, discard };
      discard();
      throw new JobFailure(verdict.code, verdict.sentence, answer.usage);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof WardError && error.code === 'session-lost') {
        throw new WardError('sandbox-failed', 'The executor of this job died.', { cause: error });
      }
      if (error instanceof WardError && error.code === 'blob-corrupt') {
        if (error.at !== undefined) this.#store.forget(decision.domain, error.at);
        throw new WardError('blob-corrupt', error.message, { cause: error });
      }
      throw error;
    } finally {
      turn.leave();
      signal.removeEventListener('abort', kill);
    }
  }

  /**
   * Stands in line for a compiler's turn, and tells an executor that `waits` for it when it has come. `leave` gives the turn, or the place
   * in line, back.
   */
  #enterTurn({ number, peer }: Slot, job: string, customer: Customer): { readonly waits: boolean; readonly leave: Release } {
    const name = `${number} ${job}`;
    const over = new AbortController();
    let waits = false;
    const onWait = (): void => {
      waits = true;
    };
    void this.#turns.enter(customer, over.signal, onWait).then(
      (release) => {
        if (over.signal.aborted) return release();
        this.#turnOf.set(name, release);
        if (waits) peer.notify({ type: 'go', job });
      },
      () => {},
    );
    const leave = (): void => {
      over.abort();
      this.#turnOf.get(name)?.();
      this.#turnOf.delete(name);
    };
    return { waits, leave };
  }
}
