/**
 * The daemons of contenders: started beside the bench, and gone after it.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process';

/** A daemon gets this long to end by itself. */
const graceMs = 5_000;

/** Rejects when the daemon ends or cannot be started; never resolves. */
export const endedEarly = (daemon: ChildProcess): Promise<never> => {
  const { promise, reject } = Promise.withResolvers<never>();
  daemon.once('error', reject);
  daemon.once('exit', (code, signal) => reject(new Error(`${daemon.spawnfile} ended at once (${signal ?? code})`)));
  promise.catch(() => {});
  return promise;
};

/** Asks a daemon to end, and sees to it. */
export const endChild = (daemon: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (daemon.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return resolve();
    const timer = setTimeout(() => daemon.kill('SIGKILL'), graceMs);
    daemon.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    daemon.kill('SIGTERM');
  });
