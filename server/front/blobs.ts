/**
 * Contents that a session sends. Attacker-controlled: nothing is believed until its hash agrees, and a blob is only taken
 * while a job of this session waits for it: it was asked for, or announced with the list of inputs that it belongs to. One that stops
 * coming is given up, with the room that it takes.
 *
 * @module
 */
import type { IncomingBlob } from '../../protocol/channel.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { Deadlines } from '../queue/deadlines.ts';
import type { Store } from '../store/store.ts';
import type { Uploads } from '../store/uploads.ts';
import type { Session } from './session.ts';

export interface BlobServices {
  readonly store: Store;
  readonly uploads: Uploads;
  readonly deadlines: Pick<Deadlines, 'after'>;
}

/** A content of which nothing comes for `stall`, or which is not here after `whole`, is given up. Milliseconds. */
export const uploadLimits: Readonly<{ stall: number; whole: number }> = Object.freeze({ stall: 30_000, whole: 600_000 });

/** Takes one blob in and wakes whoever waits for it. */
export function receiveBlob(blob: IncomingBlob, session: Session, { store, uploads, deadlines }: BlobServices, limits = uploadLimits): void {
  const digest = blob.digest.toString('hex');
  const domain = uploads.domainAwaiting(session.domains, digest, session);
  // Somebody else may have brought it meanwhile.
  if (domain === undefined) return blob.reset(new WardError('cancelled', 'No job waits for this content.'));
  const end = (): void => callOff();
  const settle = (): void => {
    end();
    uploads.settle(domain, digest);
  };
  // What this session could not bring says nothing about what another one is bringing.
  const giveUp = (why?: WardError): void => {
    end();
    uploads.giveUp(domain, digest, session, why);
  };
  const fail = (thrown: unknown): void => {
    const error = toWardError(thrown);
    receiver?.abort();
    blob.reset(error);
    giveUp(error);
  };
  const begun = performance.now();
  let lastAt = begun;
  const watch = (): void => {
    const now = performance.now();
    const left = Math.min(lastAt + limits.stall, begun + limits.whole) - now;
    if (left <= 0) fail(new WardError('job-timeout', `The content ${digest} did not arrive in time.`));
    else callOff = deadlines.after(left, watch);
  };
  let callOff = deadlines.after(limits.stall, watch);
  let receiver: ReturnType<Store['receive']> | undefined;
  let writing: Promise<void> = Promise.resolve();
  try {
    receiver = store.receive(domain, digest, blob.size, session.committer);
  } catch (error) {
    return fail(error);
  }
  const { write, finish, abort } = receiver;
  blob.onData((chunk) => {
    lastAt = performance.now();
    writing = writing.then(() => write(chunk)).then(() => {
      // It is not the sender's fault when this disk takes long.
      lastAt = performance.now();
      blob.consumed(chunk.length);
    });
    writing.catch(fail);
  });
  blob.onEnd(() => writing.then(finish).then(settle, fail));
  blob.onReset(() => {
    abort();
    giveUp();
  });
}
