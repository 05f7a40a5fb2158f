/**
 * One job in a slot, from the request to the files of its result. The order is the point:
 *
 *  1. check     the tree is valid, every path is one a client may name
 *  2. lay       the slot's tree becomes exactly the job's
 *  3. watch     the directories it may write in are remembered
 *  4. run       a fresh sandbox, its limits, and as soon as the front lets it go the compiler; every process of it is dead when this ends
 *  5. judge     the compiler's own answer, or something that happened to it
 *  6. collect   the outputs that were asked for, hashed and copied out
 *  7. restore   (after the answer) what the job wrote is undone
 *
 * @module
 */
import { closeSync, constants, existsSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { checkClientDirectory, checkClientPath } from '../../policy/paths.ts';
import type { Limits } from '../../policy/types.ts';
import { toWardError, WardError, type ErrorCode } from '../../protocol/errors.ts';
import { decodeTree, type TreeEntry } from '../../protocol/tree.ts';
import { bwrapArguments } from '../sandbox/bwrap.ts';
import { resourceLimits } from '../sandbox/limits.ts';
import type { Counters } from '../sandbox/meter.ts';
import { printedBytes } from '../sandbox/slot.ts';
import { readStage, type StageTop } from '../sandbox/stage.ts';
import { collectResults, noResults, type Results } from './collect.ts';
import { outermost, resolveDirectory } from './paths-in-tree.ts';
import { descriptors, Sandbox, type SandboxEnd } from './sandbox-run.ts';
import { removeAllIn } from './remove-all.ts';
import type { Slot } from './slot.ts';
import { judge, type Verdict } from './verdict.ts';

/** What the front asks for. Paths of `outputs`, `cwd`, `pwd` and of the tree are the client's own. */
export interface RunRequest {
  readonly job: string;
  readonly toolchainRoot: string;
  readonly includeMounts: readonly string[];
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly pwd?: string | undefined;
  readonly umask: number;
  readonly outputs: readonly string[];
  readonly limits: Limits;
  readonly storeDir: string;
  readonly resultDir: string;
  /** The compiler waits for `go`: everything else is prepared while others compile. */
  readonly waits?: boolean;
}

export interface Done extends Results {
  readonly type: 'done';
  readonly status: { readonly code: number; readonly signal: number };
  /** Present when the end was not the compiler's own answer. */
  readonly verdict?: ErrorCode;
  readonly sentence?: string;
  readonly usage: SandboxEnd['usage'];
}

/** What the kernel counted around a sandbox, and the files that lie in the slot at its end. */
interface Counted {
  readonly before: Counters;
  readonly after: Counters;
  readonly files: number;
}

/** Enough of what was printed to recognise the driver's words. */
const wordsBytes = 64 * 1024;

export class Job {
  readonly id: string;
  readonly #slot: Slot;
  readonly #request: RunRequest;
  readonly #start = Promise.withResolvers<void>();
  #sandbox: Sandbox | undefined;
  #cancelled = false;

  constructor(slot: Slot, request: RunRequest) {
    this.#slot = slot;
    this.#request = request;
    this.id = request.job;
    if (request.waits !== true) this.go();
  }

  /** Its compiler may run. */
  go(): void {
    this.#start.resolve();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#sandbox?.kill('cancelled');
  }

  /**
   * Steps 1 to 6.
   *
   * @param compiled told when the compiler has ended: another may run from then on
   * @throws WardError when the job could not be run at all
   */
  async run(encodedTree: Buffer, compiled: () => void): Promise<Done> {
    const request = this.#request;
    const { tree } = this.#slot;
    const stageTops = readStage(request.toolchainRoot);
    const entries = decodeTree(encodedTree);
    checkPaths(request, entries, stageTops);
    tree.lay(entries, request.storeDir);
    const places = request.outputs.map((output) => placeOf(tree.entries, output));
    const writable = outermost(places.flatMap((place) => (place === undefined ? [] : [dirname(place)])));
    tree.watch(writable);

    const before = this.#slot.limit(request.limits, encodedTree.length + sizeOf(entries));
    const [out, err] = ['stdout', 'stderr'].map((name) => openFresh(`${this.#slot.printed}/${name}`)) as [number, number];
    try {
      const inodes = this.#slot.inodes();
      const end = await this.#runSandbox(request, entries, stageTops, writable, out, err, before);
      compiled();
      const after = this.#slot.counters();
      const usage = wholeUsage(end.usage, after.cpuMs - before.cpuMs);
      const done = { type: 'done' as const, status: { code: end.exit ?? 1, signal: 0 }, usage };
      const made = this.#slot.inodes() - inodes;
      const verdict = this.#judge({ ...end, usage }, { before, after, files: entries.length + made }, out, err);
      return { ...done, ...(verdict === undefined ? this.#collect(places, out, err) : this.#failed(verdict)) };
    } finally {
      closeSync(out);
      closeSync(err);
    }
  }

  #runSandbox(
    request: RunRequest,
    entries: readonly TreeEntry[],
    stageTops: readonly StageTop[],
    writable: readonly string[],
    out: number,
    err: number,
    before: Counters,
  ): Promise<SandboxEnd> {
    const { tree, temporary, profile } = this.#slot;
    const staged = new Set(stageTops.map(({ name }) => name));
    const args = bwrapArguments({
      stage: request.toolchainRoot,
      stageTops,
      tree: tree.root,
      treeTops: topsOf(entries).filter(({ name }) => !staged.has(name)),
      includes: outermost(request.includeMounts).filter((path) => tree.entries.get(path)?.kind === 'directory'),
      writable,
      temporary,
      env: request.env,
      cwd: request.pwd ?? request.cwd,
      argv: request.argv,
      descriptors,
    });
    if (this.#cancelled) throw new WardError('cancelled');
    this.#sandbox = new Sandbox({
      bubblewrap: this.#slot.bubblewrap,
      args,
      seccompFile: 'COLUMNS' in request.env ? this.#slot.seccompFiles.terminal : this.#slot.seccompFiles.plain,
      stdin: this.#slot.nothing,
      stdout: out,
      stderr: err,
      umask: request.umask & 0o777,
      wallSeconds: request.limits.wallSeconds,
      cpu: this.#slot.cpuMs() === undefined ? undefined : {
        milliseconds: request.limits.cpuSeconds * 1000,
        used: () => (this.#slot.cpuMs() ?? 0) - before.cpuMs,
      },
      limits: resourceLimits(request.limits, profile),
      reaper: this.#slot.reaper,
      go: this.#start.promise,
    });
    return this.#sandbox.ended;
  }

  #judge(end: SandboxEnd, { before, after, files }: Counted, out: number, err: number): Verdict | undefined {
    return judge({
      ...end,
      stderr: end.exit === 0 ? '' : readWords(err),
      diagnosticsBytes: fstatSync(out).size + fstatSync(err).size,
      diagnosticsLimit: Math.min(this.#request.limits.diagnosticsBytes, printedBytes / 2),
      counted: { oomKills: after.oomKills - before.oomKills, forksRefused: after.forksRefused - before.forksRefused },
      cpuSeconds: (end.usage.userMs + end.usage.systemMs) / 1000,
      files,
      limits: this.#request.limits,
      profile: this.#slot.profile,
    });
  }

  get #resultPrefix(): string {
    return `${this.#request.resultDir}/${this.id}`;
  }

  #failed({ code, sentence }: Verdict): Results & { verdict: ErrorCode; sentence: string } {
    return { ...noResults(this.#resultPrefix), verdict: code, sentence };
  }

  #collect(places: readonly (string | undefined)[], stdout: number, stderr: number): Results {
    const { fileBytes, outputBytes } = this.#request.limits;
    try {
      return collectResults({
        root: this.#slot.tree.root,
        places,
        stdout,
        stderr,
        resultPrefix: this.#resultPrefix,
        fileBytes,
        outputBytes,
      });
    } catch (thrown) {
      const { code, message } = toWardError(thrown);
      return this.#failed({ code, sentence: message });
    }
  }

  /** Step 7. @throws WardError when the slot cannot be made clean: then it must not be used again */
  restore(): void {
    if (this.#sandbox?.hangs) throw new WardError('sandbox-failed', 'A process of the job does not die.');
    this.#slot.tree.restore();
    try {
      removeAllIn(this.#slot.temporary);
    } catch (cause) {
      throw new WardError('sandbox-failed', 'A job left something that cannot be removed.', { cause });
    }
  }
}

/** What processes used that nobody waited for is in the group's count alone, and counts as user time. */
const wholeUsage = (usage: SandboxEnd['usage'], cpuMs: number): SandboxEnd['usage'] =>
  ({ ...usage, userMs: Math.max(usage.userMs, cpuMs - usage.systemMs) });

/** The front has checked these; a front that was taken over has not. */
const checkPaths = (request: RunRequest, entries: readonly TreeEntry[], stageTops: readonly StageTop[]): void => {
  const prefixes = stageTops.map(({ name }) => `/${name}`);
  const refuse = (path: string, reason: string | undefined): void => {
    if (reason !== undefined) throw new WardError('path-refused', `${JSON.stringify(path)}: ${reason}.`);
  };
  if (!/^[\w-]{1,64}$/.test(request.job)) throw new WardError('protocol-violation', 'The name of a job becomes part of file names.');
  for (const { path, kind } of entries)
    refuse(path, (kind === 'directory' ? checkClientDirectory : checkClientPath)(path, request.includeMounts, prefixes));
  for (const path of [request.cwd, request.pwd ?? request.cwd]) refuse(path, checkClientDirectory(path, request.includeMounts, prefixes));
  for (const path of request.outputs)
    refuse(path, checkClientPath(path, [], prefixes) ?? (dirname(path) === '/' ? 'outputs may not lie in the root directory' : undefined));
  if (entries.length > request.limits.inodes)
    throw new WardError('limit-exceeded', `The job has ${entries.length} inputs, more than its limit of inodes.`);
};

const placeOf = (entries: ReadonlyMap<string, TreeEntry>, output: string): string | undefined => {
  const directory = resolveDirectory(entries, dirname(output));
  return directory === undefined || directory === '/' ? undefined : `${directory}/${basename(output)}`;
};

const topsOf = (entries: readonly TreeEntry[]): StageTop[] =>
  entries
    .filter(({ path }) => !path.includes('/', 1))
    .map((entry) => ({ name: entry.path.slice(1), target: entry.kind === 'link' ? entry.target : undefined }));

const sizeOf = (entries: readonly TreeEntry[]): number => entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0);

/** A new empty file, read and written through one descriptor; appending, so that no job can write over what another process of it wrote. */
const openFresh = (path: string): number => {
  if (existsSync(path)) rmSync(path);
  return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
};

/** Beginning and end: the driver speaks last, but a sandbox that was not made speaks first. */
const readWords = (fd: number): string => {
  const { size } = fstatSync(fd);
  const part = (position: number): string => {
    const bytes = Buffer.alloc(Math.min(wordsBytes, size));
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, position));
  };
  return size <= wordsBytes ? part(0) : `${part(0)}\n${part(size - wordsBytes)}`;
};
