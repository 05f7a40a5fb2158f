/**
 * Step 4: a place among the jobs of this server, offered until the client takes it. An offer that is made at once may wait for a while,
 * because the client compares; a place that was waited for is somebody else's if it is not taken very soon, and the job stands in
 * line again.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { Customer, Release } from '../queue/fair-line.ts';
import type { TreeReceiver } from './receive-tree.ts';
import type { JobServices, JobSession } from './services.ts';

/** How long a place that was free at once is kept for the job. */
const patientMs = 2_000;
/** How long a freed place is kept, beside the way to the client and back. */
const leaseMs = 50;
/** How often a job may let its freed place lapse. */
const mostLapses = 3;

export interface Applicant {
  readonly stream: Stream;
  readonly session: JobSession;
  readonly customer: Customer;
  readonly toolchain: string;
  readonly tree: Pick<TreeReceiver, 'started' | 'hasStarted'>;
}

/** Resolves when the client has taken the place. @throws WardError `busy` when the line is full, or the client does not want it */
export async function offerPlace({ stream, session, customer, toolchain, tree }: Applicant, services: JobServices, signal: AbortSignal): Promise<Release> {
  const { admission, load, speed } = services;
  for (let lapses = 0; ; lapses++) {
    let waited = false;
    const leave = await admission.enter(customer, signal, (position) => {
      waited = true;
      stream.send({ type: 'busy', position, load: load() });
    });
    // The START for an earlier offer came too late for that place, and in time for this one.
    if (tree.hasStarted) return leave;
    const lease = waited ? leaseMs + 2 * (session.answerMs ?? patientMs / 2) : patientMs;
    stream.send({ type: 'offer', leaseMs: Math.ceil(lease), speed: speed(toolchain), load: load() });
    try {
      if (await takenWithin(lease, tree, session, services)) return leave;
    } catch (error) {
      leave();
      throw error;
    }
    leave();
    if (!waited || lapses === mostLapses) throw new WardError('busy', 'The offered place was not taken in time.');
  }
}

/** The quickest answer so far tells how long the way is. */
async function takenWithin(ms: number, { started }: Applicant['tree'], session: JobSession, { deadlines }: JobServices): Promise<boolean> {
  const { promise: lapsed, resolve } = Promise.withResolvers<boolean>();
  const offered = performance.now();
  const callOff = deadlines.after(ms, () => resolve(false));
  try {
    const taken = await Promise.race([started.then(() => true), lapsed]);
    if (taken) session.answerMs = Math.min(session.answerMs ?? Infinity, performance.now() - offered);
    return taken;
  } finally {
    callOff();
  }
}
