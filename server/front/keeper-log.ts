/**
 * The front's pen: everything it decides goes to the keeper and comes back written before anybody is answered. Without a
 * keeper nothing is decided.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto';
import type { LogEvent } from '../../policy/log/events.ts';
import type { Decision, DecisionRequest } from '../../policy/types.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Probe, ResultSignature } from '../../protocol/messages.ts';
import { answerEvent, connectEvent, decisionEvent, endEvent, type EventContext } from './events.ts';
import type { IpcPeer } from '../ipc/peer.ts';
import type { Signer } from '../jobs/keep-result.ts';
import type { DecisionLog, JobEnd, JobSession } from '../jobs/services.ts';
import type { Answer, Asking } from '../peers/give-parts.ts';
import type { SignRequest } from '../keeper/sign-outcome.ts';
import type { OwnKey } from '../store/result-trust.ts';
import type { Identity } from './session.ts';

/** Questions that may wait for the keeper before no more decisions are asked of it: it gives up on a front with twice as many. */
const mostWaiting = 2048;

const noKeeper = (): WardError => new WardError('log-unavailable', 'The keeper of the decision log is not there, so nothing can be decided.');

export class KeeperLog implements DecisionLog, Signer {
  /** Resolves when the keeper has joined and given the key of the digests that stand for argument values. */
  readonly connected: Promise<void>;
  #key: Buffer = Buffer.alloc(0);
  #resultKey: Omit<OwnKey, 'server'> | undefined;
  #peer: IpcPeer | undefined;
  readonly #context: () => EventContext;
  readonly #familyOf: (toolchain: string) => 'gcc' | 'clang';
  #markConnected: () => void;
  #waiting = 0;

  constructor(context: () => EventContext, familyOf: (toolchain: string) => 'gcc' | 'clang') {
    this.#context = context;
    this.#familyOf = familyOf;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.connected = promise;
    this.#markConnected = resolve;
  }

  connect(peer: IpcPeer): void {
    this.#peer = peer;
    void peer.closed.then(() => {
      if (this.#peer === peer) this.#peer = undefined;
    });
    Promise.all([peer.request({ type: 'redaction-key' }), peer.request({ type: 'result-key' })]).then(([redaction, result]) => {
      this.#key = Buffer.from(redaction.json.key, 'hex');
      this.#resultKey = { key: result.json.key, publicKey: createPublicKey(result.json.pem) };
      this.#markConnected();
    }, () => {});
  }

  /** @throws WardError `busy` when the keeper is far behind, `log-unavailable` */
  async decided(request: DecisionRequest, decision: Decision, session: JobSession, probe: Probe): Promise<number> {
    if (this.#waiting >= mostWaiting) throw new WardError('busy', 'The decision log of this server is behind.');
    return this.#append(decisionEvent(request, decision, session, probe, this.#familyOf(probe.toolchain), this.#key, this.#context()));
  }

  /** Who was let in, or refused by name. */
  async sessionDecided(identity: Identity, address: string, committer: string | undefined, decision: Decision | WardError): Promise<number> {
    return this.#append(connectEvent(identity, address, committer, decision, this.#context()));
  }

  ended(seq: number, end: JobEnd): void {
    // The decision stands whether or not its end can be written; the keeper's state shows in the next decision.
    this.#append(endEvent(seq, end, this.#context())).catch(() => {});
  }

  /** Something about the server itself: it started, its policy changed, somebody was cut off. Nobody waits for it. */
  note(event: Omit<LogEvent, 'server'>): void {
    this.#append({ server: this.#context().server, ...event }).catch(() => {});
  }

  /** As `note`, but resolves when it is written. @throws WardError `log-unavailable` */
  async write(event: Omit<LogEvent, 'server'>): Promise<void> {
    await this.#append({ server: this.#context().server, ...event });
  }

  /** Another server is given parts of a kept result, or not. @throws WardError `busy` when the keeper is far behind, `log-unavailable` */
  async answered(peer: Asking, answer: Answer): Promise<void> {
    if (this.#waiting >= mostWaiting) throw new WardError('busy', 'The decision log of this server is behind.');
    await this.write(answerEvent(peer, answer));
  }

  /** The keeper's signature under a result, for a job that is logged and not over. */
  async sign(request: SignRequest): Promise<ResultSignature> {
    if (this.#peer === undefined) throw noKeeper();
    return (await this.#peer.request({ type: 'sign', ...request })).json as ResultSignature;
  }

  /** Has the keeper read the farm file again. @throws WardError when the file is broken, or there is no keeper */
  async rereadFarm(): Promise<void> {
    if (this.#peer === undefined) throw noKeeper();
    await this.#peer.request({ type: 'farm' });
  }

  /** Whose signatures are this server's own. Only after `connected`. */
  get ownKey(): OwnKey {
    if (this.#resultKey === undefined) throw noKeeper();
    return { server: this.#context().server, ...this.#resultKey };
  }

  /** A peer that never got as far as a name: counted per address, apart from the log, so that it cannot stop the log. */
  refusedEarly(address: string, why: string): void {
    if (this.#peer === undefined || this.#waiting >= mostWaiting) return;
    this.#ask(this.#peer, { type: 'refused', address, why }).catch(() => {});
  }

  async #ask(peer: IpcPeer, request: object): ReturnType<IpcPeer['request']> {
    this.#waiting++;
    try {
      return await peer.request(request);
    } finally {
      this.#waiting--;
    }
  }

  async #append(event: object): Promise<number> {
    if (this.#peer === undefined) throw noKeeper();
    try {
      const { json } = await this.#ask(this.#peer, { type: 'append', event });
      return json.seq;
    } catch (error) {
      if (error instanceof WardError && error.code === 'session-lost') throw noKeeper();
      throw error;
    }
  }
}
