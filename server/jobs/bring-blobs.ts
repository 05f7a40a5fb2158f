/**
 * Step 5b: the contents that this server does not have yet. Each is asked for once, however many jobs wait for it; what comes
 * unasked, or from another session, is waited for, but not for long: nobody's job depends on somebody who promised and sends nothing.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { TreeEntry } from '../../protocol/tree.ts';
import { abortable } from './abortable.ts';
import type { JobServices, JobSession } from './services.ts';

/** Digests in one `missing` message: well below the largest frame. */
const digestsPerMessage = 4096;
/** A client that sends nothing of what was asked for this long is not going to. */
const patienceMs = 120_000;
/** What was promised and has not come after this long, this client is asked for. */
const trustMs = 10_000;
/** A content that came wrong so often will not come right. */
const timesAsked = 3;
/** The store's own failures: asking again would only fill a full disk once more. */
const ofTheStore: ReadonlySet<string> = new Set(['disk-full', 'internal']);

/**
 * The client said with its list that it sends these contents unasked: they will be taken in, unless they are here or on their way already.
 * The function that is returned ends the wait for those that have not come.
 */
export function expectBlobs(digests: readonly string[], domain: string, session: JobSession, { store, uploads }: Pick<JobServices, 'store' | 'uploads'>): () => void {
  const ours = digests.filter((digest) => !store.has(domain, digest, session.committer) && uploads.claim(domain, digest, session));
  return () => ours.forEach((digest) => uploads.giveUp(domain, digest, session));
}

/**
 * Resolves when every file of the tree lies in the store.
 *
 * @throws WardError `blob-corrupt`, `job-timeout`; `disk-full` and `internal` when the store could not take what came
 */
export async function bringBlobs(
  stream: Stream,
  entries: readonly TreeEntry[],
  domain: string,
  session: JobSession,
  services: JobServices,
  signal: AbortSignal,
): Promise<void> {
  const wanted = new Set<string>();
  for (const entry of entries) if (entry.kind === 'file') wanted.add(entry.digest.toString('hex'));

  const asked = new Map<string, number>();
  for (;;) {
    const absent = [...wanted].filter((digest) => !services.store.has(domain, digest, session.committer));
    if (absent.length === 0) return;
    const ours = absent.filter((digest) => services.uploads.claim(domain, digest, session, true));
    const flights = absent.map((digest) => services.uploads.settled(domain, digest));
    const mine = new Set(ours);
    // A client that was asked for another of its jobs does not send sooner for being asked again, only twice.
    const others = absent.filter((digest) => !services.uploads.isAsked(domain, digest, session));
    // Whoever takes over settles the flight: everybody who waited for it looks again.
    const takeOver = (): void => others.forEach((digest) => services.uploads.settle(domain, digest));
    const distrust = others.length === 0 ? () => {} : services.deadlines.after(trustMs, takeOver);
    try {
      ask(stream, ours, asked);
      const ends = await patient(Promise.all(flights), services, signal);
      // Only of what this session sent: a stranger can make the store refuse what is said to be too large.
      const failure = ends.find((why, index) => why !== undefined && ofTheStore.has(why.code) && mine.has(absent[index]!));
      if (failure !== undefined) throw failure;
    } catch (error) {
      for (const digest of ours) services.uploads.giveUp(domain, digest, session);
      throw error;
    } finally {
      distrust();
    }
    wanted.clear();
    for (const digest of absent) wanted.add(digest);
  }
}

function ask(stream: Stream, digests: readonly string[], asked: Map<string, number>): void {
  for (const digest of digests) {
    const times = (asked.get(digest) ?? 0) + 1;
    asked.set(digest, times);
    if (times > timesAsked) throw new WardError('blob-corrupt', `The content ${digest} was asked for ${timesAsked} times and never came right.`);
  }
  for (let from = 0; from < digests.length; from += digestsPerMessage) {
    stream.send({ type: 'missing', digests: digests.slice(from, from + digestsPerMessage), more: from + digestsPerMessage < digests.length });
  }
}

async function patient<T>(flights: Promise<T>, services: JobServices, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const callOff = services.deadlines.after(patienceMs, () => reject(new WardError('job-timeout', 'The missing inputs did not arrive in time.')));
  try {
    return await abortable(Promise.race([flights, late]), signal);
  } finally {
    callOff();
  }
}
