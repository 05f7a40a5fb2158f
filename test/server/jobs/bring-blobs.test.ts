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
const waiting = (uploads: Uploads, session: JobSession, deadlines: Pick<Deadlines, 'after'> = new Deadlines()): { asked: () => number; has: () => void; brought: Promise<void> } => {
  let times = 0;
  let here = false;
  const stream = { send: () => { times += 1; } } as unknown as Stream;
  const services = { uploads, store: { has: () => here }, deadlines } as unknown as JobServices;
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

/** Deadlines that the test lets pass: all that are not longer than this. */
const byHand = (): { after: Deadlines['after']; pass: (ms: number) => Promise<void> } => {
  const all = new Map<() => void, number>();
  return {
    after: (ms, expire) => {
      all.set(expire, ms);
      return () => all.delete(expire);
    },
    pass: async (longest) => {
      for (const [expire, ms] of [...all]) {
        if (ms > longest || !all.delete(expire)) continue;
        expire();
        await turn();
      }
    },
  };
};

test('a content that takes long is asked for once, however many jobs of its client wait for it', async (t) => {
  const uploads = new Uploads();
  const deadlines = byHand();
  const jobs = [1, 2, 3].map(() => waiting(uploads, noSession, deadlines));
  for (let time = 0; time < 10; time++) await deadlines.pass(10_000);
  t.deepEqual(jobs.map(({ asked }) => asked()), [1, 0, 0]);
  for (const job of jobs) job.has();
  uploads.settle('d', digest);
  await t.notThrowsAsync(Promise.all(jobs.map(({ brought }) => brought)));
});

test('what was promised, or asked of another client, is asked for when it has not come for a while', async (t) => {
  for (const [owner, isAsked] of [[noSession, false], [{}, true]] as const) {
    const uploads = new Uploads();
    const deadlines = byHand();
    uploads.claim('d', digest, owner, isAsked);
    const job = waiting(uploads, noSession, deadlines);
    t.is(job.asked(), 0);
    await deadlines.pass(10_000);
    t.is(job.asked(), 1);
    job.has();
    uploads.settle('d', digest);
    await t.notThrowsAsync(job.brought);
  }
});
