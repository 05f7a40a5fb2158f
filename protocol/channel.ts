/**
 * A channel: the keyed part of a session. Many streams over one connection, each with its own flow control; client streams
 * have odd ids, stream 0 carries what the server says about the session. Every frame is checked by its tag before anything in it
 * is looked at. Any breach of the rules ends the whole session: the peer is told why by an ALERT, every stream is reset.
 *
 * @module
 */
import { decodeError, encodeError } from './alert.ts';
import { IncomingBlob, splitBlob } from './blob.ts';
import { toWardError, WardError } from './errors.ts';
import { FLAG_FRESH, FLAG_PACKED, frameType } from './frame.ts';
import type { Frame, FrameDecoder } from './frame.ts';
import type { SessionKeys } from './keys.ts';
import { limits } from './limits.ts';
import type { ClientMessage, Fetch, Pointer, Probe, ServerNotice } from './messages.ts';
import { encodeMessage, parseMessage } from './schemas.ts';
import { Turns } from './turns.ts';
import { Scheduler } from './scheduler.ts';
import { isEnd, Opener, Sealer } from './seal.ts';
import { encodeStart, ListReader, ListWriter, type NewFile } from './start-list.ts';
import { ChannelStream } from './stream.ts';
import type { SendOptions, Stream, StreamOwner } from './stream.ts';
import type { Role } from './transcript.ts';
import type { Transport } from './transport.ts';

export type { Stream } from './stream.ts';
export { IncomingBlob } from './blob.ts';

export interface ChannelOptions {
  role: Role;
  keys: SessionKeys;
  decoder: FrameDecoder;
  /** Sequence number of the first frame in both directions: for tests of what happens when numbers run out. */
  firstSequence?: number;
}

interface WaitingBlob {
  digest: Buffer;
  content: Buffer;
  packed: Buffer | undefined;
  resolve: (sent: Promise<void>) => void;
  reject: (error: WardError) => void;
}

export class Channel {
  readonly role: Role;
  /** Resolves at the end of the session: with what ended it, or undefined when both sides were done. */
  readonly closed: Promise<WardError | undefined>;
  readonly #transport: Transport;
  readonly #decoder: FrameDecoder;
  readonly #opener: Opener;
  readonly #scheduler: Scheduler;
  readonly #turns: Turns;
  readonly #owner: StreamOwner;
  readonly #streams = new Map<number, ChannelStream>();
  readonly #pings = new Map<string, { sent: number; resolve: (ms: number) => void; reject: (error: WardError) => void }>();
  readonly #blobStreams = new Set<number>();
  readonly #waitingBlobs: WaitingBlob[] = [];
  readonly #writtenLists = new ListWriter();
  readonly #readLists = new ListReader();
  /** Frames received. */
  #frames = 0;
  #lastId: number;
  #pingCount = 0n;
  #keepAlive: NodeJS.Timeout | undefined;
  #early: ServerNotice[] = [];
  #onStream: ((stream: Stream, first: ClientMessage) => void) | undefined;
  #onBlob: ((blob: IncomingBlob) => void) | undefined;
  #onNotice: ((notice: ServerNotice) => void) | undefined;
  #ended = false;
  #resolveClosed!: (error: WardError | undefined) => void;

  constructor(transport: Transport, options: ChannelOptions) {
    const client = options.role === 'client';
    this.role = options.role;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#transport = transport;
    this.#decoder = options.decoder;
    this.#decoder.keyed = true;
    this.#lastId = client ? -1 : 0;
    const first = options.firstSequence ?? 0;
    this.#opener = client ? new Opener(options.keys.server, 's2c', first) : new Opener(options.keys.client, 'c2s', first);
    const sealer = client ? new Sealer(options.keys.client, 'c2s', first) : new Sealer(options.keys.server, 's2c', first);
    this.#scheduler = new Scheduler(transport, sealer, (thrown) => this.close(toWardError(thrown)));
    this.#owner = {
      wake: (source) => this.#scheduler.wake(source),
      control: (frame) => this.#scheduler.control(frame),
      over: (stream) => this.#forget(stream),
    };
    this.#turns = new Turns(() => this.#receive(), transport);
    // What came before the end still counts: it may say why.
    transport.onClose((reason) => setImmediate(() => {
      this.#turns.finish();
      this.#end(new WardError('session-lost', `The connection ended: ${reason}.`));
    }));
    transport.onData((chunk) => {
      this.#decoder.push(chunk);
      this.#turns.begin();
    });
    // Frames that came together with the end of the handshake wait until the handlers are set.
    setImmediate(() => this.#turns.begin());
  }

  /** Streams that are open now, blobs included. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /**
   * Client: opens a stream for a job. Throws `busy` when the session has as many as it may: streams are left over for contents, without
   * which no job would come to its end.
   */
  open(message: Probe): Stream {
    if (this.#streams.size - this.#blobStreams.size >= limits.streams - limits.blobs) throw this.#full();
    return this.#openWith(message);
  }

  /** Client: says something that needs no answer. What the server cannot take, it has not heard. */
  tell(message: Pointer): void {
    if (!this.#isFull && !this.#ended) this.#openWith(message, { end: true });
  }

  /** A server as the client of another: asks for parts of a kept result. Throws `busy` when the session has as many streams as it may. */
  fetch(message: Fetch): Stream {
    return this.#openWith(message, { end: true });
  }

  /**
   * Client: takes an offer, with the encoded tree of the job. Asked which of the files that are new to this session are sent unasked,
   * `choose` returns their indexes; it is asked only when the whole list fits the frame.
   */
  start(stream: Stream, tree: Buffer, choose: (files: readonly NewFile[]) => readonly number[]): void {
    const job = stream as ChannelStream;
    // Nothing goes into the dictionary that is not sent.
    if (job.isOver) return;
    const list = this.#writtenLists.write(tree);
    const rest = tree.subarray(list.taken);
    const payload = encodeStart(list, rest.length === 0 ? choose(list.newFiles) : []);
    job.sendStart(list.fresh ? FLAG_FRESH : 0, payload, rest);
  }

  /**
   * Client: sends a content; resolves when all of it has been handed to the transport, rejects when the server refuses it.
   *
   * @param packed the content as `pack` makes it, for a server that takes that
   */
  sendBlob(digest: Buffer, content: Buffer, packed?: Buffer): Promise<void> {
    if (content.length > limits.blobBytes) return Promise.reject(new WardError('limit-exceeded', 'A content is too large to be sent.'));
    const sent = new Promise<void>((resolve, reject) => {
      this.#waitingBlobs.push({ digest, content, packed, resolve, reject });
    });
    sent.catch(() => {});
    this.#sendBlobs();
    return sent;
  }

  /** Server: called for each stream that the client opens, with its valid first message. */
  onStream(callback: (stream: Stream, first: ClientMessage) => void): void {
    this.#onStream = callback;
  }

  /** Server: called for each blob that the client sends. */
  onBlob(callback: (blob: IncomingBlob) => void): void {
    this.#onBlob = callback;
  }

  /** Server: says something about the session. The first notice is `welcome`. */
  notify(notice: ServerNotice): void {
    this.#scheduler.control({ type: frameType.MESSAGE, flags: 0, stream: 0, payload: encodeMessage(notice) });
  }

  /** Client: what the server says about the session; earlier notices are delivered at once. Without a callback they wait for the next one. */
  onNotice(callback: ((notice: ServerNotice) => void) | undefined): void {
    this.#onNotice = callback;
    while (this.#onNotice !== undefined && this.#early.length > 0) this.#onNotice(this.#early.shift()!);
  }

  /** Milliseconds of a round trip. Rejects when the session ends before. */
  ping(): Promise<number> {
    if (this.#ended) return Promise.reject(new WardError('session-lost', 'The session has ended.'));
    const payload = Buffer.allocUnsafe(8);
    payload.writeBigUInt64BE(this.#pingCount++);
    return new Promise((resolve, reject) => {
      this.#pings.set(payload.toString('hex'), { sent: performance.now(), resolve, reject });
      this.#scheduler.control({ type: frameType.PING, flags: 0, stream: 0, payload });
    });
  }

  /** Pings a peer that was silent for `idleMs` and ends the session when it stays silent for as long again. */
  keepAlive(idleMs: number): void {
    clearInterval(this.#keepAlive);
    if (this.#ended) return;
    let seen = this.#frames;
    let silent = 0;
    // Counted in looks, not by the clock: a process that was stopped meanwhile must read its socket before it judges its peer.
    this.#keepAlive = setInterval(() => {
      silent = this.#frames === seen ? silent + 1 : 0;
      seen = this.#frames;
      if (silent >= 4) this.close(new WardError('session-lost', `The peer has been silent for ${Math.round((2 * idleMs) / 1000)} s.`));
      else if (silent === 2) this.ping().catch(() => {});
    }, idleMs / 2);
    this.#keepAlive.unref();
  }

  /** Ends the session. With an error, the peer is told. */
  close(error?: WardError): void {
    if (this.#ended) return;
    this.#scheduler.stop(error === undefined ? undefined : { type: frameType.ALERT, flags: 0, stream: 0, payload: encodeError(error) });
    this.#transport.close();
    this.#end(error);
  }

  /** As many streams are open as may be. */
  get #isFull(): boolean {
    return this.#streams.size >= limits.streams;
  }

  #full(): WardError {
    return new WardError('busy', 'This session has as many streams open as it may.');
  }

  #openWith(message: ClientMessage, options?: SendOptions): Stream {
    // Its reset would come before anybody listens.
    if (this.#ended) throw new WardError('session-lost', 'The session has ended.');
    if (this.#isFull) throw this.#full();
    const stream = this.#newStream();
    stream.send(message, options);
    return stream;
  }

  #newStream(): ChannelStream {
    this.#lastId += 2;
    if (this.#lastId > 0xffff_ffff) throw new WardError('limit-exceeded', 'This session has opened as many streams as it may.');
    const stream = new ChannelStream(this.#lastId, this.#owner, false);
    this.#streams.set(stream.id, stream);
    return stream;
  }

  #sendBlobs(): void {
    while (this.#waitingBlobs.length > 0 && this.#blobStreams.size < limits.blobs && !this.#isFull) {
      const { digest, content, packed, resolve, reject } = this.#waitingBlobs.shift()!;
      if (this.#ended) {
        reject(new WardError('session-lost', 'The session has ended.'));
        continue;
      }
      const stream = this.#newStream();
      this.#blobStreams.add(stream.id);
      resolve(stream.sendBlob(digest, content, packed));
    }
  }

  #forget(stream: ChannelStream): void {
    this.#streams.delete(stream.id);
    this.#blobStreams.delete(stream.id);
    if (this.#waitingBlobs.length > 0) setImmediate(() => this.#sendBlobs());
  }

  /** Takes one frame; false: there is none. */
  #receive(): boolean {
    try {
      const frame = this.#ended ? undefined : this.#decoder.next();
      if (frame === undefined) return false;
      this.#opener.open(frame);
      this.#frames += 1;
      this.#dispatch(frame);
      return true;
    } catch (thrown) {
      this.close(toWardError(thrown));
      return false;
    }
  }

  /** Attacker-controlled contents, but certainly the peer's. */
  #dispatch(frame: Frame): void {
    switch (frame.type) {
      case frameType.MESSAGE: return this.#gotMessage(frame);
      case frameType.START: return this.#gotStart(frame);
      case frameType.DATA: return this.#known(frame)?.gotData(frame.payload, isEnd(frame));
      case frameType.BLOB: return this.#gotBlob(frame);
      case frameType.WINDOW: return this.#known(frame)?.gotCredit(frame.payload.readUInt32BE(0));
      case frameType.RESET: return this.#known(frame)?.gotReset(decodeError(frame.payload));
      case frameType.PING: return this.#gotPing(frame.payload);
      case frameType.PONG: return this.#gotPong(frame.payload);
      default: // ALERT: the decoder admits nothing else.
        this.#transport.close();
        return this.#end(decodeError(frame.payload));
    }
  }

  #gotMessage(frame: Frame): void {
    if (frame.stream === 0) {
      if (this.role === 'server') throw new WardError('protocol-violation', 'A client sent a message on stream 0.');
      const notice = parseMessage('server notice', frame.payload);
      if (this.#onNotice !== undefined) return this.#onNotice(notice);
      if (this.#early.push(notice) > limits.earlyNotices) throw new WardError('limit-exceeded', 'The server sent too many notices.');
      return;
    }
    if (this.role === 'client') {
      this.#known(frame)?.gotMessage(parseMessage('server message', frame.payload), isEnd(frame));
    } else if (this.#isNew(frame.stream)) {
      const first = parseMessage('first client message', frame.payload);
      const stream = this.#accept(frame.stream);
      if (this.#onStream === undefined) throw new WardError('protocol-violation', 'A client sent a job before it was welcome.');
      this.#onStream(stream, first);
      if (isEnd(frame)) stream.gotEnd();
    } else {
      throw new WardError('protocol-violation', `A client sent a second message on stream ${frame.stream}.`);
    }
  }

  /** The list is taken into the dictionary even if its job is over. */
  #gotStart(frame: Frame): void {
    if (this.role === 'client') throw new WardError('protocol-violation', 'A server sent START.');
    const list = this.#readLists.read(frame.payload, (frame.flags & FLAG_FRESH) !== 0);
    this.#known(frame)?.gotStart(list, isEnd(frame));
  }

  #gotBlob(frame: Frame): void {
    if (this.role === 'client' || !this.#isNew(frame.stream)) {
      throw new WardError('protocol-violation', 'A blob came where none is allowed.');
    }
    if (this.#onBlob === undefined) throw new WardError('protocol-violation', 'A client sent a blob before it was welcome.');
    if (this.#blobStreams.size >= limits.blobs) {
      throw new WardError('limit-exceeded', `The client has more than ${limits.blobs} blobs on the way.`);
    }
    const stream = this.#accept(frame.stream);
    this.#blobStreams.add(stream.id);
    // The server says nothing on a blob's stream but WINDOW and RESET: its own half is over from the start.
    stream.endSilently();
    const { prefix, first } = splitBlob(frame.payload);
    this.#onBlob(new IncomingBlob(stream, prefix, (frame.flags & FLAG_PACKED) !== 0));
    stream.gotData(first, isEnd(frame));
  }

  #gotPing(payload: Buffer): void {
    this.#scheduler.control({ type: frameType.PONG, flags: 0, stream: 0, payload: Buffer.from(payload) });
  }

  #gotPong(payload: Buffer): void {
    const key = payload.toString('hex');
    const ping = this.#pings.get(key);
    if (ping === undefined) throw new WardError('protocol-violation', 'A PONG answers no PING.');
    this.#pings.delete(key);
    ping.resolve(performance.now() - ping.sent);
  }

  /** Server: is this the id of a stream that the client opens now? Ids only go up and are odd. */
  #isNew(id: number): boolean {
    if (id % 2 === 0) throw new WardError('protocol-violation', `Stream ${id} has an id that a client may not use.`);
    return id > this.#lastId;
  }

  #accept(id: number): ChannelStream {
    if (this.#isFull) throw new WardError('limit-exceeded', `The client has more than ${limits.streams} streams.`);
    this.#lastId = id;
    const stream = new ChannelStream(id, this.#owner, true);
    this.#streams.set(id, stream);
    return stream;
  }

  /** The stream of a frame; undefined when it is over and the peer could not know yet. */
  #known(frame: Frame): ChannelStream | undefined {
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined && (frame.stream % 2 === 0 || frame.stream > this.#lastId)) {
      throw new WardError('protocol-violation', `A frame names stream ${frame.stream}, which was never opened.`);
    }
    return stream;
  }

  #end(error: WardError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#keepAlive);
    this.#scheduler.stop();
    const reason = error ?? new WardError('session-lost', 'The session was closed.');
    for (const stream of [...this.#streams.values()]) stream.gotReset(reason);
    for (const ping of this.#pings.values()) ping.reject(reason);
    this.#pings.clear();
    for (const blob of this.#waitingBlobs.splice(0)) blob.reject(reason);
    this.#resolveClosed(error);
  }
}
