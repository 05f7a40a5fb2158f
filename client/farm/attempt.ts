/**
 * One try to have a job done by one server: the client's side of a job stream. Probe, then an offer or a place in line; after
 * `start` the list of inputs and the contents that are missing; then the result. What a server answers is taken only as far as
 * it was asked for, and each output must have the digest it was announced with.
 *
 * @module
 */
import type { ResultParts } from '../../protocol/action.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import type { Offer, Pointer, Probe, Result, ServerMessage } from '../../protocol/messages.ts';
import { pack } from '../../protocol/packing.ts';
import type { Envelope } from '../../protocol/statement.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { NewFile } from '../../protocol/start-list.ts';
import type { Connection } from './connect.ts';
import type { JobContents } from './contents.ts';
import { named } from './failure.ts';
import { IncomingResult, type FarmOutput, type ReceivedResult } from './incoming-result.ts';
import type { Room } from './room.ts';

export type { FarmOutput } from './incoming-result.ts';

export interface FarmJob {
  readonly probe: Omit<Probe, 'type'>;
  /** The encoded input tree. */
  readonly tree: Buffer;
  /** The content with this SHA-256, if it is one of the job's inputs; throws WardError otherwise. */
  blob(digestHex: string): Buffer | Promise<Buffer>;
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

export interface AttemptOptions {
  /** The server as it is named in the configuration. */
  readonly server: string;
  readonly connection: Connection;
  readonly room: Room;
  readonly probe: Probe;
  readonly job: FarmJob;
  readonly verify: VerifyResult;
}

export class Attempt {
  readonly server: string;
  /** The server as it names itself. */
  readonly serverName: string;
  /** Name of a server that has the result, as this one says. */
  elsewhere: string | undefined;
  state: AttemptState = 'asked';
  offer: Offer | undefined;
  error: WardError | undefined;
  /** Called when the state changes. */
  onChange: () => void = () => {};
  readonly #job: FarmJob;
  readonly #verify: VerifyResult;
  readonly #probe: Probe;
  readonly #room: Room;
  #leavePlace = (): void => {};
  readonly #connection: Connection;
  readonly #stream: Stream;
  readonly #result = Promise.withResolvers<FarmResult>();
  #incoming: IncomingResult | undefined;
  #answer: Result | undefined;
  #envelope: Envelope | undefined;
  #missing: string[] = [];
  readonly #contents: JobContents;
  /** Contents that the server has asked for in all. */
  #asked = 0;
  #sending = 0;
  /** The job is to run here, as soon as there is an offer. */
  #chosen = false;
  /** This side has ended the stream. */
  #ended = false;

  constructor({ server, connection, room, probe, job, verify }: AttemptOptions) {
    this.server = server;
    this.serverName = connection.welcome.server;
    this.#room = room;
    this.#probe = probe;
    this.#verify = verify;
    this.#job = job;
    this.#connection = connection;
    this.#contents = connection.contents.job();
    this.#result.promise.catch(() => {});
    this.#stream = connection.channel.open(connection.packs ? { ...probe, zstd: true } : probe);
    this.#stream.onMessage((message: ServerMessage) => this.#guard(() => this.#gotMessage(message)));
    this.#stream.onData((chunk) => this.#guard(() => this.#gotData(chunk)));
    this.#stream.onEnd(() => this.#guard(() => this.#gotEnd()));
    this.#stream.onReset((error) => this.#fail(error));
  }

  /**
   * Takes the offer: sends the list of inputs and waits for the result; only waits where nothing has to be sent. An offer that has lapsed
   * meanwhile is followed by another, which is taken when it comes.
   */
  start(): Promise<FarmResult> {
    this.#chosen = true;
    if (this.state === 'offered') this.#takeOffer();
    return this.#result.promise;
  }

  /** Where the result lies, for another server; undefined when nobody may have it again. */
  pointer(): Pointer | undefined {
    if (this.#answer?.keep !== true || this.#envelope === undefined) return undefined;
    const { payload, signatures: [{ keyid, sig }] } = this.#envelope;
    return { type: 'pointer', statement: Buffer.from(payload, 'base64').toString(), key: keyid, signature: sig };
  }

  /** Gives up, and tells the server why. */
  release(error: WardError): void {
    if (this.state === 'done' || this.state === 'failed') return;
    this.#stream.reset(error);
    this.#fail(error);
  }

  #takeOffer(): void {
    this.#become('started');
    this.#connection.channel.start(this.#stream, this.#job.tree, (files) => this.#sendAlong(files));
    this.#ended = true;
    this.#sendMissing();
  }

  #gotMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'busy':
        // START came too late for the place, and stands in line with the job.
        if (this.state === 'started') return;
        if (!choosable.has(this.state)) throw this.#outOfTurn(message.type);
        this.#leavePlace();
        this.#room.heard(message.load);
        return this.#become('waiting');
      case 'elsewhere':
        if (this.state !== 'asked') throw this.#outOfTurn(message.type);
        this.elsewhere = message.server;
        return this.onChange();
      case 'offer':
        if (this.state === 'started') return;
        if (!choosable.has(this.state)) throw this.#outOfTurn(message.type);
        this.#leavePlace();
        this.#leavePlace = this.#room.hold();
        this.#room.heard(message.load);
        this.offer = message;
        this.#become('offered');
        return this.#chosen ? this.#takeOffer() : undefined;
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
        this.#leavePlace();
        this.#room.heard(message.load);
        this.#incoming = new IncomingResult(message, { server: this.server, outputs: this.#job.probe.outputs.length, packs: this.#connection.packs });
        if (this.state === 'started') this.#contents.done();
        this.#answer = message;
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
    const { channel, packs } = this.#connection;
    const packed = packs ? await pack(content, limits.packedBlobBytes) : undefined;
    if (this.state !== 'started') return;
    await channel.sendBlob(Buffer.from(digest, 'hex'), content, packed);
  }

  #gotData(chunk: Buffer): void {
    if (this.#incoming === undefined || this.state !== 'receiving') throw this.#outOfTurn('data');
    this.#incoming.push(chunk);
    this.#stream.consumed(chunk.length);
  }

  #gotEnd(): void {
    if (this.state === 'failed') return;
    if (this.#incoming === undefined) throw new WardError('protocol-violation', 'The server ended the job before it had sent all of the result.');
    const received = this.#incoming.end();
    if (!(received instanceof Promise)) return this.#finish(received);
    received.then((whole) => this.#guard(() => this.#finish(whole)), (thrown: unknown) => this.release(toWardError(thrown)));
  }

  #finish({ stdout, stderr, outputs, parts }: ReceivedResult): void {
    if (this.state !== 'receiving') return;
    const result = this.#answer!;
    this.#envelope = this.#verify(this.#probe, result, parts);
    // A kept or shared result came without a tree: the stream is open on this side still.
    if (!this.#ended) this.#stream.write(Buffer.alloc(0), { end: true }).catch(() => {});
    this.#become('done');
    const envelope = this.#envelope;
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
    this.#leavePlace();
    for (const digest of this.#missing.splice(0)) this.#contents.forget(digest);
    this.#incoming = undefined;
    this.#result.reject(this.error);
    this.#become('failed');
  }

  #become(state: AttemptState): void {
    this.state = state;
    this.onChange();
  }
}
