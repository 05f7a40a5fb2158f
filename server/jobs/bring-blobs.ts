/**
 * Step 4b: the contents that this server does not have yet. Each is asked for once, however many jobs wait for it; what
 * another session already sends is waited for.
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

/** Resolves when every file of the tree lies in the store. */
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

  for (;;) {
    const absent = [...wanted].filter((digest) => !services.store.has(domain, digest));
    if (absent.length === 0) return;
    const ours = absent.filter((digest) => services.uploads.claim(domain, digest, session));
    for (let from = 0; from < ours.length; from += digestsPerMessage) {
      stream.send({ type: 'missing', digests: ours.slice(from, from + digestsPerMessage), more: from + digestsPerMessage < ours.length });
    }
    const flights = absent.map((digest) => services.uploads.settled(domain, digest));
    try {
      await patient(Promise.all(flights), services, signal);
    } catch (error) {
      for (const digest of ours) services.uploads.settle(domain, digest);
      throw error;
    }
    wanted.clear();
    for (const digest of absent) wanted.add(digest);
  }
}

async function patient(flights: Promise<unknown>, services: JobServices, signal: AbortSignal): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const callOff = services.deadlines.after(patienceMs, () => reject(new WardError('job-timeout', 'The missing inputs did not arrive in time.')));
  try {
    await abortable(Promise.race([flights, late]), signal);
  } finally {
    callOff();
  }
}
