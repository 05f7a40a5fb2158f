/**
 * The key under which the decision log digests the values of compiler arguments. It is made once and kept: equal values look
 * equal within one server's log, and whoever has only the log cannot try out guesses.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The key in hex. Lies in the state directory, 0600; losing it only makes old and new digests differ. */
export function redactionKey(state: string): string {
  const file = join(state, 'redaction.key');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    const key = randomBytes(32).toString('hex');
    writeFileSync(file, `${key}\n`, { mode: 0o600 });
    return key;
  }
}
