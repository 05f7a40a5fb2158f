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
  const alice = { domains: new Set(['d']), latestDomain: 'd' } as unknown as Session;
  const mallory = { domains: new Set(['d']), latestDomain: 'd' } as unknown as Session;
  uploads.claim('d', digest.toString('hex'), alice);
  let settled = false;
  const waiting = uploads.settled('d', digest.toString('hex')).then(() => { settled = true; });

  const refused = await send(Buffer.from('evil;;'), (blob) => receiveBlob(blob, mallory, store, uploads));
  t.is(refused?.code, 'blob-corrupt');
  await new Promise(setImmediate);
  t.false(settled);

  t.is(await send(content, (blob) => receiveBlob(blob, alice, store, uploads)), undefined);
  await waiting;
  t.true(store.has('d', digest.toString('hex')));
});
