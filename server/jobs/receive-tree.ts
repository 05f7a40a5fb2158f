/**
 * Step 4a: the list of input files. It comes as exactly the announced number of bytes, must have the announced digest, and
 * is checked as a tree in memory before any of it is used.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { WardError } from '../../protocol/errors.ts';
import { decodeTree, type TreeEntry } from '../../protocol/tree.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { Probe } from '../../protocol/messages.ts';
import { checkTreePaths } from './check-paths.ts';
import type { JobServices } from './services.ts';

/** How long an offered place waits for its `start`. The client may be comparing offers, but not for long. */
const leaseMs = 2_000;
/** How long the list itself may take once it has begun. */
const transferMs = 60_000;

export interface ReceivedTree {
  readonly encoded: Buffer;
  readonly entries: readonly TreeEntry[];
}

/** Listens at once, so that a `start` which comes right after the offer is never missed. */
export function receiveTree(
  stream: Stream,
  probe: Probe,
  includeDirs: readonly string[],
  services: JobServices,
  signal: AbortSignal,
): { leaseMs: number; received: Promise<ReceivedTree> } {
  const { promise, resolve, reject } = Promise.withResolvers<ReceivedTree>();
  // Whoever waits is told by the promise; nobody waiting (the job ended earlier) must not be an unhandled rejection.
  promise.catch(() => {});
  let callOff = services.deadlines.after(leaseMs, () => reject(new WardError('busy', 'The offered place was not taken in time.')));
  let started = false;
  // Tiny pieces must cost no more than their bytes: they are put together as they come.
  let encoded: Buffer | undefined;
  let received = 0;

  stream.onMessage((message: { type: string }) => {
    if (message.type !== 'start' || started) return reject(new WardError('protocol-violation', `Unexpected message ${message.type} in a job.`));
    started = true;
    callOff();
    callOff = services.deadlines.after(transferMs, () => reject(new WardError('job-timeout', 'The list of inputs did not arrive in time.')));
  });
  stream.onData((chunk) => {
    const at = received;
    received += chunk.length;
    stream.consumed(chunk.length);
    if (!started || received > probe.treeBytes) return reject(new WardError('protocol-violation', 'More bytes came than the list of inputs was announced to have.'));
    if (chunk.length === probe.treeBytes) encoded = chunk;
    else chunk.copy((encoded ??= Buffer.allocUnsafeSlow(probe.treeBytes)), at);
    if (received < probe.treeBytes) return;
    callOff();
    try {
      resolve(checkedTree(encoded as Buffer, probe, includeDirs));
    } catch (error) {
      reject(error);
    }
  });
  signal.addEventListener('abort', () => { callOff(); reject(signal.reason); }, { once: true });
  return { leaseMs, received: promise };
}

function checkedTree(encoded: Buffer, probe: Probe, includeDirs: readonly string[]): ReceivedTree {
  if (createHash('sha256').update(encoded).digest('hex') !== probe.tree) {
    throw new WardError('blob-corrupt', 'The list of inputs does not have the digest that was announced.');
  }
  const entries = decodeTree(encoded);
  checkTreePaths(entries, probe, includeDirs);
  return { encoded, entries };
}
