/**
 * The executor: a process that lives in one slot and runs one job after another, each in a sandbox of its own.
 *
 * It is started through `wardcc-slot`, reads one JSON line of configuration from standard input, connects to the front, and answers
 * `run`. It has no keys, no network, sees no other slot, and ends with its parent. A slot that cannot be made clean after a job is given
 * up: the process ends, its file systems vanish, and the supervisor starts a new one.
 *
 * @module
 */
import { toWardError, WardError } from '../../protocol/errors.ts';
import { connectAsChild, readConfigurationLine, whenParentGone, type ChildAddress } from '../ipc/child.ts';
import type { IpcPeer } from '../ipc/peer.ts';
import { Job, type RunRequest } from './job.ts';
import { Slot, type SlotConfiguration } from './slot.ts';

export interface ExecutorConfiguration extends ChildAddress, SlotConfiguration {}

/** Exit status when the slot has to be made anew. */
const spoiled = 75;

const serve = (peer: IpcPeer, slot: Slot): void => {
  let current: Job | undefined;
  let finished: Job | undefined;
  const clean = (): void => {
    if (finished === undefined) return;
    try {
      finished.restore();
    } catch (error) {
      process.stderr.write(`wardccd executor: ${(error as Error).message}\n`);
      process.exit(spoiled);
    }
    finished = undefined;
  };
  peer.onNotify(({ type, job }) => {
    if (current?.id !== job) return;
    if (type === 'kill') current?.cancel();
    else if (type === 'go') current?.go();
  });
  peer.onRequest(async (request, encodedTree) => {
    if (request.type !== 'run') throw new WardError('protocol-violation', 'An executor only runs jobs.');
    if (current !== undefined) throw new WardError('internal', 'The slot has a job already.');
    clean();
    const job = new Job(slot, request as RunRequest);
    current = job;
    try {
      return { json: await job.run(encodedTree, () => peer.notify({ type: 'compiled', job: job.id })) };
    } finally {
      current = undefined;
      finished = job;
      // After the answer, so that nobody has to wait for it; a request that comes even sooner does it itself.
      setImmediate(clean);
    }
  });
};

const configuration: ExecutorConfiguration = await readConfigurationLine();
whenParentGone(() => process.exit(0));
try {
  const slot = new Slot(configuration);
  const peer = await connectAsChild(configuration);
  void peer.closed.then(() => process.exit(0));
  serve(peer, slot);
} catch (thrown) {
  process.stderr.write(`wardccd executor: ${toWardError(thrown).message}\n`);
  process.exit(spoiled);
}
