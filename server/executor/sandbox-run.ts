/**
 * One sandbox from its start to the end of its last process.
 *
 *  1. bubblewrap is started and says, over the status descriptor, which process is the first one inside
 *  2. the sandbox waits; its limits are set from outside
 *  3. a byte on the block descriptor lets the compiler run
 *  4. it ends, or is killed: for cause (deadline, cancelled, too much output), by the pid of the first process, never by the outer bubblewrap,
 *     whose death can leave orphans
 *  5. only when the first process has been collected is the sandbox gone, and only then does the promise resolve
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { toWardError, WardError, type ErrorCode } from '../../protocol/errors.ts';
import { native, type ChildrenUsage } from '../native/load.ts';
import type { ResourceLimit } from '../sandbox/limits.ts';
import type { Reaper, Usage } from './reaper.ts';

export interface SandboxRun {
  readonly bubblewrap: string;
  /** Arguments for descriptors 3 (status), 4 (seccomp), 5 (block). */
  readonly args: readonly string[];
  readonly seccompFile: string;
  /** Open for writing; they stay the caller's. */
  readonly stdout: number;
  readonly stderr: number;
  readonly umask: number;
  readonly wallSeconds: number;
  readonly limits: readonly ResourceLimit[];
  readonly reaper: Reaper;
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
/** How long the status descriptor may stay open after every process that is known of is gone. */
const statusGraceMs = 1000;
/** A process that was killed and is not gone after this long hangs in the kernel. */
const deathSeconds = 10;

interface Status {
  readonly pid: number | undefined;
  readonly exit: number | undefined;
}

/** Attacker-controlled only by a broken bubblewrap; it comes as JSON objects, in any pieces. */
const readStatus = (text: string): Status => {
  const value = (name: string): number | undefined => {
    const found = new RegExp(`"${name}": (\\d+)`).exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  return { pid: value('child-pid'), exit: value('exit-code') };
};

export class Sandbox {
  readonly ended: Promise<SandboxEnd>;
  /** A process of it does not die: the slot must not be used again. */
  hangs = false;
  #pid: number | undefined;
  #killed: ErrorCode | undefined;
  #gone = false;

  /** Starts at once. `ended` rejects only when the sandbox cannot be brought to an end, after which the slot must not be used. */
  constructor(run: SandboxRun) {
    this.ended = this.#run(run);
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

  async #run(run: SandboxRun): Promise<SandboxEnd> {
    const started = performance.now();
    const before = native().childrenUsage();
    const deadline = setTimeout(() => this.kill('job-timeout'), run.wallSeconds * 1000);
    let reported: Promise<Usage> | undefined;
    let exit: number | undefined;
    try {
      const child = start(run);
      const [, , , status, , block] = child.stdio as unknown as [null, null, null, Duplex, null, Duplex];
      block.on('error', () => {});
      status.on('error', () => {});
      let said = '';
      status.on('data', (bytes: Buffer) => {
        said += bytes.toString('latin1');
        const { pid, exit: code } = readStatus(said);
        exit = code;
        if (pid === undefined || this.#pid !== undefined) return;
        this.#pid = pid;
        reported = run.reaper.gone(pid);
        this.#release(run, pid, block);
      });
      await ended(child);
      // The command has ended; what it left running ends now.
      this.#strike();
      const usage = await this.#waitGone(reported);
      await this.#waitClosed(status);
      return { exit, killed: this.#killed, usage: { ...sum(usage, before, native().childrenUsage()), wallMs: performance.now() - started } };
    } finally {
      clearTimeout(deadline);
      if (this.#pid !== undefined) run.reaper.forget(this.#pid);
    }
  }

  /** The sandbox stands and waits: limits, then go. */
  #release(run: SandboxRun, pid: number, block: Duplex): void {
    try {
      for (const { name, soft, hard } of run.limits) native().setLimit(pid, name, soft, hard);
    } catch {
      this.kill('sandbox-failed');
    }
    // Ending a blocked sandbox from outside would run it: a killed one never gets its byte.
    if (this.#killed !== undefined) this.#strike();
    else block.end('x');
  }

  /** Every process of a sandbox that never told its pid holds the status descriptor: open for longer, somebody is left whom nobody can name. */
  async #waitClosed(status: Duplex): Promise<void> {
    if (await Promise.race([readToEnd(status), later(statusGraceMs)])) return;
    this.hangs = true;
    throw new WardError('sandbox-failed', 'The sandbox ended before it had begun and left a process.');
  }

  async #waitGone(reported: Promise<Usage> | undefined): Promise<Usage> {
    const nothing: Usage = { userMs: 0, systemMs: 0, maxRssKb: 0 };
    if (this.#pid === undefined || reported === undefined) return nothing;
    const patience = performance.now() + deathSeconds * 1000;
    for (;;) {
      const usage = await Promise.race([reported, later(isThere(this.#pid) ? 1 : reportGraceMs)]);
      if (usage !== undefined) {
        this.#gone = true;
        return usage;
      }
      if (!isThere(this.#pid)) {
        // The outer bubblewrap collected it; then its usage is in ours.
        this.#gone = true;
        return nothing;
      }
      if (performance.now() > patience) {
        this.hangs = true;
        throw new WardError('sandbox-failed', `Process ${this.#pid} does not die.`);
      }
    }
  }
}

const readToEnd = (stream: Duplex): Promise<true> => new Promise((resolve) => (stream.closed || stream.readableEnded ? resolve(true) : stream.once('close', () => resolve(true))));

const start = (run: SandboxRun): ChildProcess => {
  const seccomp = openSync(run.seccompFile, 'r');
  // Node has no way to give a child a mask of its own; nothing else happens between these two lines.
  const own = process.umask(run.umask);
  try {
    return spawn(run.bubblewrap, run.args, { cwd: '/', env: {}, stdio: ['ignore', run.stdout, run.stderr, 'pipe', seccomp, 'pipe'] });
  } catch (thrown) {
    throw new WardError('sandbox-failed', `The sandbox could not be started (${toWardError(thrown).message}).`, { cause: thrown });
  } finally {
    process.umask(own);
    closeSync(seccomp);
  }
};

/** Resolves when the outer process has ended. */
const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new WardError('sandbox-failed', `The sandbox could not be started (${cause.message}).`, { cause })));
    child.once('exit', () => resolve());
  });

const later = (milliseconds: number): Promise<undefined> => new Promise((resolve) => setTimeout(resolve, milliseconds, undefined));

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
