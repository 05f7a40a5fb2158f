/**
 * One sandbox from its start to the end of its last process.
 *
 *  1. bubblewrap is started and says, over the status descriptor, which process is the first one inside
 *  2. the sandbox waits; its limits are set from outside
 *  3. a byte on the block descriptor lets the compiler run, when its turn has come: only then its time begins
 *  4. it ends, or is killed: for cause (deadline, CPU time, cancelled), by the pid of the first process, never by the outer bubblewrap,
 *     whose death can leave orphans
 *  5. only when the first process has been collected is the sandbox gone, and only then does the promise resolve
 *
 * @module
 */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { WardError, type ErrorCode } from '../../protocol/errors.ts';
import { native, type ChildrenUsage } from '../native/load.ts';
import type { ResourceLimit } from '../sandbox/limits.ts';
import type { Reaper, Usage } from './reaper.ts';

export interface SandboxRun {
  readonly bubblewrap: string;
  /** Arguments for these `descriptors`. */
  readonly args: readonly string[];
  readonly seccompFile: string;
  /** Open descriptors, which stay the caller's. */
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
  readonly umask: number;
  readonly wallSeconds: number;
  /** CPU time for all its processes together; absent where nothing counts that while it runs. */
  readonly cpu?: CpuBudget | undefined;
  readonly limits: readonly ResourceLimit[];
  readonly reaper: Reaper;
  /** Resolves when the compiler may run. */
  readonly go: Promise<void>;
}

export interface CpuBudget {
  readonly milliseconds: number;
  /** Milliseconds that the job has used by now. */
  used(): number;
}

export interface SandboxEnd {
  /** Status as bubblewrap passes it on; undefined when the command was never started. */
  readonly exit: number | undefined;
  readonly killed: ErrorCode | undefined;
  readonly usage: Usage & { readonly wallMs: number };
}

export const descriptors = Object.freeze({ status: 3, seccomp: 4, block: 5 });

/** How long the report of the first process may take after it is gone, before what is known by then must do. */
const reportGraceMs = 20;
/** How long a process may take to die or to tell of itself once it must; after that it hangs, and the slot with it. */
const deathMs = 10_000;
/** How often the outer process is looked after beside its status descriptor, which a sandbox that never began may hold open. */
const watchMs = 200;
/** How soon CPU time is looked at again when nearly all of it is used. */
const soonestMs = 5;
/** A job cannot use more than this many milliseconds of CPU time in one millisecond. */
const processors = availableParallelism();

interface Started {
  readonly outer: number;
  /** What bubblewrap says. */
  readonly status: Socket;
  /** Our end of what the sandbox waits for. */
  readonly block: number;
}

export class Sandbox {
  readonly ended: Promise<SandboxEnd>;
  /** A process of it does not die: the slot must not be used again. */
  hangs = false;
  readonly #run: SandboxRun;
  #started = performance.now();
  #went = false;
  #deadline: NodeJS.Timeout | undefined;
  #pid: number | undefined;
  #exit: number | undefined;
  #cpuWatch: NodeJS.Timeout | undefined;
  #killed: ErrorCode | undefined;
  #gone = false;
  #reported: Promise<Usage> | undefined;

  /** Prepares everything at once. `ended` rejects when the sandbox could not be started, or when it cannot be brought to an end: then it `hangs`. */
  constructor(run: SandboxRun) {
    this.#run = run;
    this.ended = this.#live();
  }

  /** Ends the job for a reason; the first reason counts. */
  kill(reason: ErrorCode): void {
    this.#killed ??= reason;
    this.#strike();
  }

  #strike(): void {
    if (this.#pid === undefined || this.#gone) return;
    try {
      process.kill(this.#pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }

  async #live(): Promise<SandboxEnd> {
    const before = native().childrenUsage();
    const { outer, status, block } = start(this.#run);
    void this.#run.go.then(() => this.#go(block));
    try {
      const silent = this.#listen(status, block);
      await this.#outerEnded(outer, silent);
      // The command has ended; what it left running ends now.
      this.#strike();
      const usage = await this.#waitGone();
      if ((await within(deathMs, silent)) === undefined) this.#giveUp('A sandbox that never began has left a process.');
      return {
        exit: this.#exit,
        killed: this.#killed,
        usage: { ...sum(usage, before, native().childrenUsage()), wallMs: performance.now() - this.#started },
      };
    } finally {
      clearTimeout(this.#deadline);
      clearTimeout(this.#cpuWatch);
      this.#gone = true;
      closeSync(block);
      status.destroy();
      if (this.#pid !== undefined) this.#run.reaper.forget(this.#pid);
    }
  }

  /** Takes in what bubblewrap says, JSON objects in any pieces. Resolves when nobody is left who could say more. */
  #listen(status: Socket, block: number): Promise<true> {
    let said = '';
    const find = (name: string): number | undefined => {
      const found = new RegExp(`"${name}": (\\d+)`).exec(said)?.[1];
      return found === undefined ? undefined : Number(found);
    };
    status.on('error', () => {});
    status.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
      this.#exit = find('exit-code');
      const pid = find('child-pid');
      if (pid === undefined || this.#pid !== undefined) return;
      this.#pid = pid;
      this.#reported = this.#run.reaper.gone(pid);
      this.#limit(pid);
      if (this.#killed !== undefined) this.#strike();
      else if (this.#went) this.#release(block);
    });
    return new Promise((resolve) => status.once('close', () => resolve(true)));
  }

  /** Its turn has come; time counts from now on. */
  #go(block: number): void {
    if (this.#gone) return;
    this.#went = true;
    this.#started = performance.now();
    this.#deadline = setTimeout(() => this.kill('job-timeout'), this.#run.wallSeconds * 1000);
    if (this.#pid !== undefined) this.#release(block);
  }

  /** The sandbox stands and waits: its limits. */
  #limit(pid: number): void {
    try {
      for (const { name, soft, hard } of this.#run.limits) native().setLimit(pid, name, soft, hard);
      // When the slot is out of memory the job dies, not the executor, which might be larger than each single process of it.
      writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
    } catch {
      this.kill('sandbox-failed');
    }
  }

  /** A killed sandbox never gets its byte. */
  #release(block: number): void {
    if (this.#killed === undefined) writeSync(block, 'x');
    else this.#strike();
    if (this.#run.cpu !== undefined) this.#watchCpu(this.#run.cpu);
  }

  /** Looks again when the rest could be used up at the earliest: a short job is never looked at. */
  #watchCpu(budget: CpuBudget): void {
    const left = budget.milliseconds - budget.used();
    if (left <= 0) this.kill('cpu-limit');
    else this.#cpuWatch = setTimeout(() => this.#watchCpu(budget), Math.max(soonestMs, left / processors));
  }

  async #outerEnded(outer: number, silent: Promise<true>): Promise<void> {
    let patience = deathMs;
    let wasSilent: true | undefined;
    while (!native().collect(outer)) {
      // It falls silent by ending: then a moment is enough.
      if (wasSilent === undefined) wasSilent = await within(watchMs, silent);
      else await pause(1);
      if (this.#killed === undefined && wasSilent === undefined) continue;
      patience -= wasSilent === undefined ? watchMs : 1;
      if (patience < 0) this.#giveUp('The sandbox does not end.');
    }
  }

  async #waitGone(): Promise<Usage> {
    const nothing: Usage = { userMs: 0, systemMs: 0, maxRssKb: 0 };
    if (this.#pid === undefined || this.#reported === undefined) return nothing;
    const patience = performance.now() + deathMs;
    for (;;) {
      const isLeft = isThere(this.#pid);
      const usage = await within(isLeft ? 1 : reportGraceMs, this.#reported);
      this.#gone = usage !== undefined || !isLeft;
      // Without a report it was the outer bubblewrap that collected it; then its usage is in ours.
      if (this.#gone) return usage ?? nothing;
      if (performance.now() > patience) this.#giveUp(`Process ${this.#pid} does not die.`);
    }
  }

  #giveUp(sentence: string): never {
    this.hangs = true;
    throw new WardError('sandbox-failed', sentence);
  }
}

const start = (run: SandboxRun): Started => {
  const theirs: number[] = [];
  const ours: number[] = [];
  try {
    const seccomp = openSync(run.seccompFile, 'r');
    theirs.push(seccomp);
    const [said, say] = native().makePipe();
    theirs.push(say);
    ours.push(said);
    const [wait, block] = native().makePipe();
    theirs.push(wait);
    ours.push(block);
    const outer = native().spawn(
      run.bubblewrap,
      ['bwrap', ...run.args],
      [run.stdin, run.stdout, run.stderr, say, seccomp, wait],
      run.umask,
    );
    return { outer, status: new Socket({ fd: said, readable: true, writable: false }), block };
  } catch (cause) {
    for (const fd of ours) closeSync(fd);
    throw new WardError('sandbox-failed', `The sandbox could not be started (${(cause as Error).message}).`, { cause });
  } finally {
    for (const fd of theirs) closeSync(fd);
  }
};

/** What a promise gives, or undefined when that takes longer. */
const within = <T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds, undefined);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const sum = (reported: Usage, before: ChildrenUsage, after: ChildrenUsage): Usage => ({
  userMs: reported.userMs + after.userMs - before.userMs,
  systemMs: reported.systemMs + after.systemMs - before.systemMs,
  maxRssKb: reported.maxRssKb || after.maxRssKb,
});
