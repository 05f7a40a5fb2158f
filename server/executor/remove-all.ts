/**
 * Emptying a directory that a job could write in. Names there are bytes of the job's choice, and need not be text: as text, such a name
 * would be another one, which is not there.
 *
 * @module
 */
import { isUtf8 } from 'node:buffer';
import { readdirSync, rmSync } from 'node:fs';

/** Removes everything in the directory but what `stays`. Attacker-controlled names. @throws Error when something cannot be removed */
export const removeAllIn = (directory: string, stays: (name: string) => boolean = () => false): void => {
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    if (isUtf8(name) && stays(name.toString())) continue;
    rmSync(Buffer.concat([Buffer.from(`${directory}/`), name]), { recursive: true, force: true });
  }
};
