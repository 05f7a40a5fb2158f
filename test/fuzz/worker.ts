/**
 * One campaign in a process of its own: a parser that never returns is ended by the process that started this one, which reads from
 * shared memory what the parser was given.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import { campaign } from './campaign.ts';
import { targets } from './targets/index.ts';

export interface WorkerData {
  readonly target: string;
  readonly ms: number;
  readonly seed: number;
  /** u32 length, then the input that is being run. */
  readonly current: SharedArrayBuffer;
}

const { target: name, ms, seed, current } = workerData as WorkerData;
const view = Buffer.from(current);
const report = await campaign(targets.find((each) => each.name === name)!, ms, seed, (input) => {
  view.writeUInt32LE(Math.min(input.length, view.length - 4), 0);
  input.copy(view, 4);
});
const crashes = report.crashes.map(({ input, error }) => ({ input, message: error.stack ?? String(error) }));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port has no origin
parentPort!.postMessage({ ...report, crashes, heap: process.memoryUsage().heapUsed });
