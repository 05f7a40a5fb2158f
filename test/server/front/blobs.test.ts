import { hash } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import type { IncomingBlob } from '../../../protocol/channel.ts';
import type { WardError } from '../../../protocol/errors.ts';
import { receiveBlob } from '../../../server/front/blobs.ts';
import type { Session } from '../../../server/front/session.ts';
import { Store } from '../../../server/store/store.ts';
import { Uploads } from '../../../server/store/uploads.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

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
    const refused = await send(bytes, (blob) => receiveBlob(blob, mallory, store, uploads));
    t.is(refused?.code, 'cancelled', 'nobody asked mallory');
    await new Promise(setImmediate);
    t.false(settled);
    t.false(store.has('d', digest.toString('hex')));
  }

  t.is(await send(content, (blob) => receiveBlob(blob, alice, store, uploads)), undefined);
  await waiting;
  t.true(store.has('d', digest.toString('hex')));
});

test('a wrong content from the session that was asked is refused, and whoever waits is free to ask again', async (t) => {
  const store = new Store({ directory: join(await temporaryDirectory(t), 'store'), maxBytes: 1e6 });
  const uploads = new Uploads();
  const alice = { domains: new Set(['d']) } as unknown as Session;
  t.true(uploads.claim('d', digest.toString('hex'), alice));
  t.is((await send(Buffer.from('evil;;'), (blob) => receiveBlob(blob, alice, store, uploads)))?.code, 'blob-corrupt');
  t.false(store.has('d', digest.toString('hex')));
  t.true(uploads.claim('d', digest.toString('hex'), alice));
});
