/**
 * A live session: one authenticated person, or another server, on one connection. It begins with `welcome`, lives as long as the credential and
 * the right behind it, and takes every job down with it when it ends.
 *
 * @module
 */
import type { Channel } from '../../protocol/channel.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Mechanism } from '../../protocol/handshake.ts';
import type { JobSession } from '../jobs/services.ts';

/** What authentication established, before the policy was asked. */
export interface Identity {
  /** As printed: `cert:alice@corp.example`. */
  readonly principal: string;
  readonly mechanism: Mechanism;
  /** When the credential ends, in milliseconds since 1970; 0 when it has no end of its own. */
  readonly expires: number;
  /** Names the credential in the log: a certificate's SHA-256, a ticket's service name. Never a secret. */
  readonly fingerprint: string;
  /** The credential, asked again: may have been revoked since. Returns the reason, or undefined while it is good. */
  stillValid(): WardError | undefined;
}

/** Somebody who says nothing for so long is asked; who goes on saying nothing for as long again is gone. */
export const silenceMs = 60_000;

/** What ends a session: the end of the credential, or a look at it that says no. */
export type LiveIdentity = Pick<Identity, 'principal' | 'expires' | 'fingerprint' | 'stillValid'>;

/** Somebody on the other end of an open channel. */
export class LiveSession<I extends LiveIdentity> {
  readonly identity: I;
  readonly address: string;
  readonly channel: Channel;
  readonly #callbacks = new Set<(reason: WardError) => void>();
  #ended: WardError | undefined;

  constructor(identity: I, address: string, channel: Channel) {
    this.identity = identity;
    this.address = address;
    this.channel = channel;
    void channel.closed.then((error) => this.#end(error ?? new WardError('session-lost')));
  }

  get principal(): string {
    return this.identity.principal;
  }

  get fingerprint(): string {
    return this.identity.fingerprint;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  whenEnded(callback: (reason: WardError) => void): () => void {
    if (this.#ended !== undefined) callback(this.#ended);
    else this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** Cuts the session off: its jobs die first, then the client is told why, then the connection closes. */
  end(reason: WardError): void {
    this.#end(reason);
    this.channel.close(reason);
  }

  #end(reason: WardError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const callback of this.#callbacks) callback(reason);
    this.#callbacks.clear();
  }
}

/** A person's. */
export class Session extends LiveSession<Identity> implements JobSession {
  readonly committer: string;
  /** Cache domains of this session's jobs. */
  readonly domains = new Set<string>();
  answerMs: number | undefined;

  constructor(identity: Identity, committer: string, address: string, channel: Channel) {
    super(identity, address, channel);
    this.committer = committer;
  }

  get mechanism(): Mechanism {
    return this.identity.mechanism;
  }

  enterDomain(domain: string): void {
    this.domains.add(domain);
  }
}
