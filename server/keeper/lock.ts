/**
 * One keeper for a log.
 *
 * @module
 */
import { tryLock } from '../../certs/lock.ts';
import { WardError } from '../../protocol/errors.ts';

/** Takes the lock or throws `log-unavailable`. The returned function gives it back. */
export const takeLock = (file: string): (() => void) => {
  const taken = tryLock(file);
  if (typeof taken === 'number')
    throw new WardError('log-unavailable', `Another keeper (process ${taken}) writes this log: ${file}.`, { at: file });
  return taken;
};
