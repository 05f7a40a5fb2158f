import { hash } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import type { IncomingBlob } from '../../../protocol/channel.ts';
import type { WardError } from '../../../protocol/errors.ts';
import { Deadlines } from '../../../server/queue/deadlines.ts';
import { receiveBlob } from '../../../server/front/blobs.ts';
import type { Session } from '../../../server/front/session.ts';
import { Store } from '../../../server/store/store.ts';
import { Uploads } from '../../../server/store/uploads.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const none = { after: () => () => {} };
const content = Buffer.from('int x;');
const digest = hash('sha256', content, 'buffer');

/** One blob as a channel hands it over; resolves with why it was refused, or undefined. */
function send(bytes: Buffer, take: (blob: IncomingBlob) => void): Promise<WardError | undefined> {
  const { promise, resolve } = Promise.withResolvers<WardError | undefined>();
  let onData = (_chunk: Buffer): void => {};
  let onEnd = (): void | Promise<void> => {};
  take({
    digest,
    size: content.length,
    onData: (callback: typeof onData) => { onData = callback; },
    onEnd: (callback: typeof onEnd) => { onEnd = callback; },
    onReset: () => {},
    consumed: () => {},
    reset: resolve,
  } as unknown as IncomingBlob);
  onData(bytes);
  void Promise.resolve(onEnd()).then(() => resolve(undefined));
  return promise;
}

test('a wrong content from one session ends no wait for the right one from another', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const uploads = new Uploads();
  const alice = { domains: new Set(['d']) } as unknown as Session;
  const mallory = { domains: new Set(['d']) } as unknown as Session;
  uploads.claim('d', digest.toString('hex'), alice);
  let settled = false;
  const waiting = uploads.settled('d', digest.toString('hex')).then(() => { settled = true; });

  for (const bytes of [Buffer.from('evil;;'), content]) {
    const refused = await send(bytes, (blob) => receiveBlob(blob, mallory, { store, uploads, deadlines: none }));
    t.is(refused?.code, 'cancelled', 'nobody asked mallory');
    await new Promise(setImmediate);
    t.false(settled);
    t.false(store.has('d', digest.toString('hex')));
  }

  t.is(await send(content, (blob) => receiveBlob(blob, alice, { store, uploads, deadlines: none })), undefined);
  await waiting;
  t.true(store.has('d', digest.toString('hex')));
});

test('a wrong content from the session that was asked is refused, and whoever waits is free to ask again', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const uploads = new Uploads();
  const alice = { domains: new Set(['d']) } as unknown as Session;
  t.true(uploads.claim('d', digest.toString('hex'), alice));
  t.is((await send(Buffer.from('evil;;'), (blob) => receiveBlob(blob, alice, { store, uploads, deadlines: none })))?.code, 'blob-corrupt');
  t.false(store.has('d', digest.toString('hex')));
  t.true(uploads.claim('d', digest.toString('hex'), alice));
});

test('a content that stops coming is given up, and the room that it takes', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 10 });
  const uploads = new Uploads();
  const deadlines = new Deadlines();
  t.teardown(() => deadlines.stop());
  const session = { committer: 'mallory', domains: new Set(['d']), latestDomain: 'd' } as unknown as Session;
  store.shares.grant('mallory', 100);
  const give = (limits: { stall: number; whole: number }, every: number): Promise<WardError> => {
    uploads.claim('d', digest.toString('hex'), session);
    const { promise, resolve } = Promise.withResolvers<WardError>();
    let onData = (_chunk: Buffer): void => {};
    const blob = { digest, size: content.length, onData: (callback: typeof onData) => { onData = callback; }, onEnd: () => {}, onReset: () => {}, consumed: () => {}, reset: resolve };
    receiveBlob(blob as unknown as IncomingBlob, session, { store, uploads, deadlines }, limits);
    let sent = 0;
    const drip = setInterval(() => sent < content.length - 1 && onData(content.subarray(sent, ++sent)), every);
    return promise.finally(() => clearInterval(drip));
  };
  for (const limits of [{ stall: 300, whole: 60_000 }, { stall: 60_000, whole: 600 }]) {
    const began = performance.now();
    const error = await give(limits, 20);
    t.is(error.code, 'job-timeout');
    t.is(error.message, `The content ${digest.toString('hex')} did not arrive in time.`);
    t.true(performance.now() - began >= 300);
    t.is(uploads.domainAwaiting(['d'], digest.toString('hex'), session), undefined, 'another may ask for it');
  }
  // All of the room is there again.
  const all = Buffer.from('0123456789');
  const receiver = store.receive('d', hash('sha256', all, 'hex'), all.length, 'mallory');
  await receiver.write(all);
  await t.notThrowsAsync(receiver.finish());
});
