/**
 * Contents that a session sends. Attacker-controlled: nothing is believed until its hash agrees, and a blob is only taken
 * while a job of this session waits for it: it was asked for, or announced with the list of inputs that it belongs to.
 *
 * @module
 */
import type { IncomingBlob } from '../../protocol/channel.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { Store } from '../store/store.ts';
import type { Uploads } from '../store/uploads.ts';
import type { Session } from './session.ts';

/** Takes one blob in and wakes whoever waits for it. */
export function receiveBlob(blob: IncomingBlob, session: Session, store: Store, uploads: Uploads): void {
  const digest = blob.digest.toString('hex');
  const domain = uploads.domainAwaiting(session.domains, digest, session);
  // Somebody else may have brought it meanwhile.
  if (domain === undefined) return blob.reset(new WardError('cancelled', 'No job waits for this content.'));
  const settle = (): void => uploads.settle(domain, digest);
  // What this session could not bring says nothing about what another one is bringing.
  const giveUp = (why?: WardError): void => uploads.giveUp(domain, digest, session, why);
  const fail = (thrown: unknown): void => {
    const error = toWardError(thrown);
    receiver?.abort();
    blob.reset(error);
    giveUp(error);
  };
  let receiver: ReturnType<Store['receive']> | undefined;
  let writing: Promise<void> = Promise.resolve();
  try {
    receiver = store.receive(domain, digest, blob.size);
  } catch (error) {
    return fail(error);
  }
  const { write, finish, abort } = receiver;
  blob.onData((chunk) => {
    writing = writing.then(() => write(chunk)).then(() => blob.consumed(chunk.length));
    writing.catch(fail);
  });
  blob.onEnd(() => writing.then(finish).then(settle, fail));
  blob.onReset(() => {
    abort();
    giveUp();
  });
}
