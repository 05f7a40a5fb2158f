/**
 * A slot with its executor, outside of any server: the same helper, the same executor, the same sandbox, so that what is proved here
 * holds there.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { inOrder } from '../../protocol/action.ts';
import { WardError } from '../../protocol/errors.ts';
import { encodeTree, type TreeEntry } from '../../protocol/tree.ts';
import type { Done, RunRequest } from '../executor/job.ts';
import { acceptChild, ChildTokens } from '../ipc/child.ts';
import type { IpcPeer } from '../ipc/peer.ts';
import { nativeDirectory } from '../native/load.ts';
import type { SlotGroup, SlotOwner } from '../sandbox/cgroup.ts';
import type { Profile } from '../sandbox/limits.ts';
import { slotCommand } from '../sandbox/slot.ts';
import { descendants, type ProcessEntry } from './processes.ts';

export interface RoomOptions {
  /** An existing directory of its own, which other users may enter. */
  readonly directory: string;
  readonly profile: Profile;
  readonly group?: SlotGroup | undefined;
  /** The slot's user, which root must name. */
  readonly owner?: SlotOwner | undefined;
  readonly bytes: number;
  readonly inodes: number;
  /** A command that starts the helper as somebody else: then the owner is only given the directories. */
  readonly become?: readonly string[];
}

export interface Answer extends Done {
  readonly stdoutText: string;
  readonly stderrText: string;
  /** Contents of the outputs, at their indexes. */
  readonly contents: readonly (Buffer | undefined)[];
}

export class Room {
  readonly directory: string;
  readonly slot: string;
  readonly store: string;
  readonly results: string;
  readonly child: ChildProcess;
  /** What the executor wrote to standard error. */
  said = '';
  readonly #server: Server;
  #peer!: IpcPeer;

  private constructor(options: RoomOptions) {
    this.directory = options.directory;
    [this.slot, this.store, this.results] = ['slot', 'store', 'results'].map((name) => join(options.directory, name)) as [
      string,
      string,
      string,
    ];
    for (const place of [this.slot, this.store, this.results]) mkdirSync(place, { mode: 0o755 });
    if (options.owner !== undefined) for (const place of [this.slot, this.results]) chownSync(place, options.owner.uid, options.owner.gid);
    const { bytes, inodes, group, become = [] } = options;
    const command = slotCommand({ directory: this.slot, bytes, inodes, group, owner: become.length === 0 ? options.owner : undefined });
    const [file, ...args] = [...become, command.file, ...command.args];
    this.#server = createServer();
    this.child = spawn(file!, args, { stdio: ['pipe', 'ignore', 'pipe'], env: { PATH: '/usr/bin:/bin' }, cwd: '/' });
    this.child.stderr!.on('data', (text) => (this.said += text));
    this.child.stdin!.on('error', () => {});
  }

  /** Starts the executor and waits until it is connected. @throws WardError `sandbox-failed` with what it said */
  static async open(options: RoomOptions): Promise<Room> {
    const room = new Room(options);
    try {
      await room.#connect(options);
    } catch (error) {
      await room.close();
      throw error;
    }
    return room;
  }

  async #connect({ profile, group }: RoomOptions): Promise<void> {
    const token = randomBytes(16).toString('hex');
    const tokens = new ChildTokens();
    tokens.expect('executor 0', token);
    const socketPath = join(this.directory, 'front.sock');
    const connected = new Promise<Socket>((resolve, reject) => {
      this.#server.once('connection', resolve);
      const refuse = (what: string) =>
        reject(new WardError('sandbox-failed', `The executor could not be started: ${this.said.trim() || what}`));
      this.child.once('error', (error) => refuse(error.message));
      this.child.once('exit', (code) => setImmediate(refuse, `status ${code}`));
    });
    await new Promise<void>((resolve) => this.#server.listen(socketPath, resolve));
    chmodSync(socketPath, 0o777);
    this.child.stdin!.write(`${JSON.stringify({ socketPath, role: 'executor 0', token, directory: this.slot, profile, group })}\n`);
    const child = await acceptChild(await connected, tokens, { name: 'executor' });
    if (child === undefined) throw new WardError('sandbox-failed', 'The executor did not prove itself.');
    this.#peer = child.peer;
  }

  /** Puts a blob into the room's store under its digest in hex. */
  put(digest: string, content: string | Buffer): void {
    const directory = join(this.store, digest.slice(0, 2));
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    if (!existsSync(join(directory, digest))) writeFileSync(join(directory, digest), content, { mode: 0o444 });
  }

  /** Runs one job and reads its results, which are gone then. @throws WardError as the executor answered */
  async run(request: Omit<RunRequest, 'storeDir' | 'resultDir'>, tree: readonly TreeEntry[] | Buffer): Promise<Answer> {
    const encoded = Buffer.isBuffer(tree) ? tree : encodeTree(tree);
    const { json } = await this.#peer.request({ type: 'run', storeDir: this.store, resultDir: this.results, ...request }, encoded);
    const done = json as Done;
    const text = ({ path, size }: { path: string; size: number }): string => (size === 0 ? '' : readFileSync(path, 'utf8'));
    const contents = request.outputs
      .map((_, index) => done.outputs.find((output) => output.index === index))
      .map((output) => output && readFileSync(output.path));
    const answer = { ...done, stdoutText: text(done.stdout), stderrText: text(done.stderr), contents };
    for (const { path } of inOrder<{ readonly path: string }>(done)) rmSync(path, { force: true });
    return answer;
  }

  kill(job: string): void {
    this.#peer.notify({ type: 'kill', job });
  }

  /** What runs in the slot beside its own three processes: nothing, when no job runs. */
  jobProcesses(): ProcessEntry[] {
    return this.child.pid === undefined ? [] : descendants(this.child.pid).filter(({ command }) => !command.includes('executor/main'));
  }

  /** Root of a stage that holds `wardcc-probe` and nothing else. */
  probeStage(): string {
    const stage = join(this.directory, 'probe stage');
    if (existsSync(stage)) return stage;
    mkdirSync(join(stage, 'usr/bin'), { recursive: true, mode: 0o755 });
    for (const place of [stage, join(stage, 'usr'), join(stage, 'usr/bin')]) chmodSync(place, 0o755);
    copyFileSync(join(nativeDirectory(), 'wardcc-probe'), join(stage, 'usr/bin/wardcc-probe'));
    chmodSync(join(stage, 'usr/bin/wardcc-probe'), 0o755);
    return stage;
  }

  /** Ends executor and slot. The directory stays the caller's. */
  async close(): Promise<void> {
    this.#peer?.close();
    this.#server.close();
    this.child.stdin!.end();
    if (this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null)
      await new Promise((resolve) => this.child.once('exit', resolve));
  }
}

/** Arguments of one run of the probe. */
export const probeCommand = (commands: readonly (readonly string[])[]): string[] => [
  '/usr/bin/wardcc-probe',
  ...commands.flatMap((command, index) => (index === 0 ? command : [',', ...command])),
];
