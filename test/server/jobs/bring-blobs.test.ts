import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import type { Stream } from '../../../protocol/channel.ts';
import { WardError } from '../../../protocol/errors.ts';
import type { TreeEntry } from '../../../protocol/tree.ts';
import { bringBlobs } from '../../../server/jobs/bring-blobs.ts';
import type { JobServices, JobSession } from '../../../server/jobs/services.ts';
import { Deadlines } from '../../../server/queue/deadlines.ts';
import { Uploads } from '../../../server/store/uploads.ts';

const digest = 'ab'.repeat(32);
const entries = [{ kind: 'file', path: '/a.c', digest: Buffer.from(digest, 'hex') }] as unknown as TreeEntry[];
const noSession = {} as JobSession;

/** A job that lacks one content; `asked` counts how often its client was asked for it. */
const waiting = (uploads: Uploads, session: JobSession): { asked: () => number; has: () => void; brought: Promise<void> } => {
  let times = 0;
  let here = false;
  const stream = { send: () => { times += 1; } } as unknown as Stream;
  const services = { uploads, store: { has: () => here }, deadlines: new Deadlines() } as unknown as JobServices;
  const brought = bringBlobs(stream, entries, 'd', session, services, new AbortController().signal);
  return { asked: () => times, has: () => { here = true; }, brought };
};

test('a store that has no room ends the job with disk-full, and the content is not asked for again', async (t) => {
  const uploads = new Uploads();
  const job = waiting(uploads, noSession);
  await turn();
  uploads.giveUp('d', digest, noSession, new WardError('disk-full', 'The content store of this server is full.'));
  await t.throwsAsync(job.brought, { instanceOf: WardError, code: 'disk-full', message: 'The content store of this server is full.' });
  t.is(job.asked(), 1);
});

test('a content that came wrong is asked for three times', async (t) => {
  const uploads = new Uploads();
  const job = waiting(uploads, noSession);
  for (let time = 0; time < 3; time++) {
    await turn();
    uploads.giveUp('d', digest, noSession, new WardError('blob-corrupt'));
  }
  await t.throwsAsync(job.brought, { instanceOf: WardError, code: 'blob-corrupt', message: `The content ${digest} was asked for 3 times and never came right.` });
  t.is(job.asked(), 3);
});

test('what the store refused of a stranger ends nobody else\'s job: its own client is asked', async (t) => {
  const uploads = new Uploads();
  const stranger = {};
  uploads.claim('d', digest, stranger);
  const job = waiting(uploads, noSession);
  await turn();
  t.is(job.asked(), 0);
  uploads.giveUp('d', digest, stranger, new WardError('disk-full'));
  await turn();
  t.is(job.asked(), 1);
  job.has();
  uploads.settle('d', digest);
  await t.notThrowsAsync(job.brought);
});
