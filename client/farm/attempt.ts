/**
 * One try to have a job done by one server: the client's side of a job stream. Probe, then an offer or a place in line; after
 * `start` the list of inputs and the contents that are missing; then the result. What a server answers is taken only as far as
 * it was asked for, and each output must have the digest it was announced with.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { Part, ResultParts } from '../../protocol/action.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import type { Offer, Probe, Result, ServerMessage } from '../../protocol/messages.ts';
import type { Envelope } from '../../protocol/statement.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { NewFile } from '../../protocol/start-list.ts';
import type { Connection } from './connect.ts';
import type { JobContents } from './contents.ts';
import { named } from './failure.ts';

export interface FarmJob {
  readonly probe: Omit<Probe, 'type'>;
  /** The encoded input tree. */
  readonly tree: Buffer;
  /** The content with this SHA-256, if it is one of the job's inputs; throws WardError otherwise. */
  blob(digestHex: string): Buffer | Promise<Buffer>;
}

export interface FarmOutput {
  /** Index into `probe.outputs`. */
  readonly index: number;
  readonly mode: number;
  readonly content: Buffer;
}

export interface FarmResult {
  /** The server as it is named in the configuration. */
  readonly server: string;
  readonly result: Result;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly outputs: readonly FarmOutput[];
  /** What the keeper signed of it: of a success. */
  readonly envelope?: Envelope;
}

export type AttemptState = 'asked' | 'waiting' | 'running' | 'offered' | 'started' | 'receiving' | 'done' | 'failed';

/** Whether a result may be believed, and what was signed of it. Throws WardError. */
export type VerifyResult = (probe: Probe, result: Result, parts: ResultParts) => Envelope | undefined;

/** An offer that lapses is followed by a place in line, or another offer. */
const choosable: ReadonlySet<AttemptState> = new Set(['asked', 'waiting', 'offered']);

/** Contents that are read and on the way at the same time for one job. */
const blobsAtOnce = 8;

const partOf = (content: Buffer): Part => ({ digest: hash('sha256', content, 'hex'), size: content.length });

export class Attempt {
  readonly server: string;
  state: AttemptState = 'asked';
  offer: Offer | undefined;
  error: WardError | undefined;
  /** Called when the state changes. */
  onChange: () => void = () => {};
  readonly #job: FarmJob;
  readonly #verify: (result: Result, parts: ResultParts) => Envelope | undefined;
  readonly #connection: Connection;
  readonly #stream: Stream;
  readonly #result = Promise.withResolvers<FarmResult>();
  /** Where the body goes: stdout, stderr, outputs. */
  #parts: Buffer[] = [];
  #part = 0;
  #filled = 0;
  #answer: Result | undefined;
  #missing: string[] = [];
  readonly #contents: JobContents;
  /** Contents that the server has asked for in all. */
  #asked = 0;
  #sending = 0;
  /** This side has ended the stream. */
  #ended = false;

  constructor(server: string, connection: Connection, probe: Probe, job: FarmJob, verify: VerifyResult) {
    this.server = server;
    this.#verify = (result, parts) => verify(probe, result, parts);
    this.#job = job;
    this.#connection = connection;
    this.#contents = connection.contents.job();
    this.#result.promise.catch(() => {});
    this.#stream = connection.channel.open(probe);
    this.#stream.onMessage((message: ServerMessage) => this.#guard(() => this.#gotMessage(message)));
    this.#stream.onData((chunk) => this.#guard(() => this.#gotData(chunk)));
    this.#stream.onEnd(() => this.#guard(() => this.#gotEnd()));
    this.#stream.onReset((error) => this.#fail(error));
  }

  /** Takes the offer: sends the list of inputs and waits for the result; only waits where nothing has to be sent. */
  start(): Promise<FarmResult> {
    if (this.state === 'offered') {
      this.#become('started');
      this.#connection.channel.start(this.#stream, this.#job.tree, (files) => this.#sendAlong(files));
      this.#ended = true;
      this.#sendMissing();
    }
    return this.#result.promise;
  }

  /** Gives up, and tells the server why. */
  release(error: WardError): void {
    if (this.state === 'done' || this.state === 'failed') return;
    this.#stream.reset(error);
    this.#fail(error);
  }

  #gotMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'busy':
        // START came too late for the place, and stands in line with the job.
        if (this.state === 'started') return;
        if (!choosable.has(this.state)) throw this.#outOfTurn(message.type);
        return this.#become('waiting');
      case 'offer':
        if (this.state === 'started') return;
        if (!choosable.has(this.state)) throw this.#outOfTurn(message.type);
        this.offer = message;
        return this.#become('offered');
      case 'running':
        if (this.state !== 'asked') throw this.#outOfTurn(message.type);
        return this.#become('running');
      case 'missing':
        if (this.state !== 'started') throw this.#outOfTurn(message.type);
        this.#contents.asked(message.digests);
        this.#asked += message.digests.length;
        if (this.#asked > limits.treeEntries) {
          throw new WardError('limit-exceeded', `The server ${this.server} asked for more contents than a job can have.`);
        }
        this.#missing.push(...message.digests);
        return this.#sendMissing();
      case 'result':
        // Kept from an earlier job, it comes at once.
        if (this.state !== 'started' && this.state !== 'running' && !(this.state === 'asked' && message.cached)) {
          throw this.#outOfTurn(message.type);
        }
        this.#prepare(message);
        return this.#become('receiving');
    }
  }

  /** Which of the files that are new to this session go unasked: those that the server most likely lacks. */
  #sendAlong(files: readonly NewFile[]): readonly number[] {
    const chosen = this.#contents.toSend(files);
    this.#missing.push(...chosen.map(({ digest }) => digest.toString('hex')));
    return chosen.map(({ index }) => index);
  }

  #outOfTurn(type: string): WardError {
    return new WardError('protocol-violation', `The server sent ${type} out of turn.`);
  }

  #sendMissing(): void {
    while (this.#missing.length > 0 && this.#sending < blobsAtOnce && this.state === 'started') {
      const digest = this.#missing.shift()!;
      this.#sending += 1;
      void this.#sendBlob(digest).then(
        () => {
          this.#sending -= 1;
          this.#sendMissing();
        },
        (thrown: unknown) => this.#unsent(digest, toWardError(thrown)),
      );
    }
  }

  /** The server has it by now from somebody else: then it is not this job's trouble. */
  #unsent(digest: string, error: WardError): void {
    this.#contents.forget(digest);
    if (error.code !== 'cancelled') return this.release(error);
    this.#sending -= 1;
    this.#sendMissing();
  }

  async #sendBlob(digest: string): Promise<void> {
    const content = await this.#job.blob(digest);
    if (this.state !== 'started') return;
    await this.#connection.channel.sendBlob(Buffer.from(digest, 'hex'), content);
  }

  /** Attacker-controlled sizes and indexes: checked before any memory is taken. */
  #prepare(result: Result): void {
    const asked = this.#job.probe.outputs.length;
    const indexes = new Set<number>();
    for (const { index } of result.outputs) {
      if (index >= asked || indexes.has(index)) {
        throw new WardError('output-refused', `The server ${this.server} sent an output that was not asked for.`);
      }
      indexes.add(index);
    }
    const sizes = [result.stdout, result.stderr, ...result.outputs.map(({ size }) => size)];
    if (sizes.reduce((sum, size) => sum + size, 0) > limits.resultBytes) {
      throw new WardError('limit-exceeded', `The result of the server ${this.server} is larger than ${limits.resultBytes} bytes.`);
    }
    if (this.state === 'started') this.#contents.done();
    this.#answer = result;
    this.#parts = sizes.map((size) => Buffer.allocUnsafeSlow(size));
    this.#skipFull();
  }

  #skipFull(): void {
    while (this.#part < this.#parts.length && this.#filled === this.#parts[this.#part]!.length) {
      this.#part += 1;
      this.#filled = 0;
    }
  }

  #gotData(chunk: Buffer): void {
    if (this.state !== 'receiving') throw this.#outOfTurn('data');
    for (let at = 0; at < chunk.length;) {
      const part = this.#parts[this.#part];
      if (part === undefined) throw new WardError('protocol-violation', 'The server sent more than it announced.');
      const count = chunk.copy(part, this.#filled, at);
      at += count;
      this.#filled += count;
      this.#skipFull();
    }
    this.#stream.consumed(chunk.length);
  }

  #gotEnd(): void {
    if (this.state === 'failed') return;
    const result = this.#answer;
    if (result === undefined || this.#part < this.#parts.length) {
      throw new WardError('protocol-violation', 'The server ended the job before it had sent all of the result.');
    }
    const [stdout, stderr, ...contents] = this.#parts as [Buffer, Buffer, ...Buffer[]];
    const outputs = result.outputs.map(({ index, mode, digest }, position) => {
      const content = contents[position]!;
      if (partOf(content).digest !== digest) {
        throw new WardError('blob-corrupt', `An output of the server ${this.server} does not have the digest that was announced.`);
      }
      return { index, mode, content };
    });
    const envelope = this.#verify(result, { stdout: partOf(stdout), stderr: partOf(stderr), outputs: result.outputs });
    // A kept or shared result came without a tree: the stream is open on this side still.
    if (!this.#ended) this.#stream.write(Buffer.alloc(0), { end: true }).catch(() => {});
    this.#become('done');
    this.#result.resolve({ server: this.server, result, stdout, stderr, outputs, ...(envelope === undefined ? {} : { envelope }) });
  }

  /** Runs a step; what it throws ends this job, not the session with the other jobs in it. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      this.release(toWardError(thrown));
    }
  }

  #fail(error: WardError): void {
    if (this.state === 'done' || this.state === 'failed') return;
    this.error = named(error, this.server);
    for (const digest of this.#missing.splice(0)) this.#contents.forget(digest);
    this.#parts = [];
    this.#result.reject(this.error);
    this.#become('failed');
  }

  #become(state: AttemptState): void {
    this.state = state;
    this.onChange();
  }
}
