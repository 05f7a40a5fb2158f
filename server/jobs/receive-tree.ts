/**
 * Step 5a: the list of input files. It comes as exactly the announced number of bytes, must have the announced digest, and
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

/** How long the rest of a long list may take once it has begun. */
const transferMs = 60_000;
/** Contents that one job may send unasked. */
const mostUnasked = 4096;

export interface ReceivedTree {
  readonly encoded: Buffer;
  readonly entries: readonly TreeEntry[];
}

export interface TreeReceiver {
  /** The client has taken the offer. */
  readonly started: Promise<void>;
  readonly hasStarted: boolean;
  readonly received: Promise<ReceivedTree>;
}

/**
 * Listens at once, so that a START which comes right after the offer is never missed.
 *
 * @param expect told, in the tick in which the list comes, of the contents that follow unasked
 */
export function receiveTree(
  stream: Stream,
  probe: Probe,
  { includeDirs, expect }: { readonly includeDirs: readonly string[]; expect(digests: readonly string[]): void },
  services: JobServices,
  signal: AbortSignal,
): TreeReceiver {
  const { promise: received, resolve, reject } = Promise.withResolvers<ReceivedTree>();
  const start = Promise.withResolvers<void>();
  // Whoever waits is told by the promise; nobody waiting (the job ended earlier) must not be an unhandled rejection.
  for (const promise of [received, start.promise]) promise.catch(() => {});
  let callOff = (): void => {};
  let started = false;
  /** Memory is taken when there is something to put into it. */
  let encoded = Buffer.alloc(0);
  let filled = 0;

  const refuse = (error: unknown): void => {
    callOff();
    start.reject(error);
    reject(error);
  };
  const tooMuch = (): WardError => new WardError('protocol-violation', 'More bytes came than the list of inputs was announced to have.');
  const finish = (unasked: readonly number[]): void => {
    callOff();
    try {
      const tree = checkedTree(encoded, probe, includeDirs);
      expect(digestsAt(tree.entries, unasked));
      resolve(tree);
    } catch (error) {
      refuse(error);
    }
  };

  stream.onStart((list) => {
    if (started) return refuse(new WardError('protocol-violation', 'A job was started twice.'));
    if (list.length > probe.treeBytes) return refuse(tooMuch());
    started = true;
    start.resolve();
    encoded = Buffer.allocUnsafeSlow(probe.treeBytes);
    list.copyTo(encoded);
    filled = list.length;
    if (filled === probe.treeBytes) return finish(list.unasked);
    callOff = services.deadlines.after(transferMs, () => refuse(new WardError('job-timeout', 'The list of inputs did not arrive in time.')));
  });
  stream.onData((chunk) => {
    stream.consumed(chunk.length);
    if (!started || filled + chunk.length > probe.treeBytes) return refuse(tooMuch());
    filled += chunk.copy(encoded, filled);
    if (filled === probe.treeBytes) finish([]);
  });
  signal.addEventListener('abort', () => refuse(signal.reason), { once: true });
  return {
    started: start.promise,
    get hasStarted() {
      return started;
    },
    received,
  };
}

/** Attacker-controlled indexes: only files of the very list that came can be announced. */
function digestsAt(entries: readonly TreeEntry[], indexes: readonly number[]): string[] {
  if (indexes.length > mostUnasked) throw new WardError('limit-exceeded', `A job may send ${mostUnasked} contents unasked.`);
  return indexes.map((index) => {
    const entry = entries[index];
    if (entry?.kind !== 'file') throw new WardError('protocol-violation', 'A content was announced that is no file of the job.');
    return entry.digest.toString('hex');
  });
}

function checkedTree(encoded: Buffer, probe: Probe, includeDirs: readonly string[]): ReceivedTree {
  if (createHash('sha256').update(encoded).digest('hex') !== probe.tree) {
    throw new WardError('blob-corrupt', 'The list of inputs does not have the digest that was announced.');
  }
  const entries = decodeTree(encoded);
  checkTreePaths(entries, probe, includeDirs);
  return { encoded, entries };
}
