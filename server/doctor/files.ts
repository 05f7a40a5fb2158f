/**
 * The server's own files: who may read secrets, who may change settings, whether there is room.
 *
 * @module
 */
import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, realpathSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { caution, fail, pass, type Finding } from './finding.ts';

const gibibyte = 2 ** 30;
/** statfs types of network file systems: NFS, SMB2, CIFS, 9p (linux/magic.h). */
const networkTypes = new Set([0x6969, 0xfe534d42, 0xff534d42, 0x01021997]);

const groupOrOthers = 0o077;
const groupOrOthersWrite = 0o022;
const sticky = 0o1000;

/** Whoever may write in a directory on the way may replace the file. */
const writableAbove = (file: string): string | undefined => {
  for (let directory = dirname(realpathSync(file)); ; directory = dirname(directory)) {
    const { mode } = statSync(directory);
    if ((mode & groupOrOthersWrite) !== 0 && (mode & sticky) === 0) return directory;
    if (directory === '/') return undefined;
  }
};

/** A file that only its owner may read. */
export const probeSecret = (probe: string, file: string): Finding => {
  const { mode } = statSync(file);
  if ((mode & groupOrOthers) !== 0)
    return fail(
      probe,
      `${file} can be read or written by others (mode ${(mode & 0o777).toString(8)}).`,
      `chmod 600 ${file}, and replace the key if somebody may have read it.`,
    );
  const open = writableAbove(file);
  if (open !== undefined) return fail(probe, `${open}, above ${file}, can be written by others.`, `chmod go-w ${open}`);
  return pass(probe, `${file} is its owner's alone`);
};

/** A file that others may read but only its owner may change. */
export const probeSettings = (probe: string, file: string): Finding => {
  const link = lstatSync(file);
  const { mode, uid } = statSync(file);
  if ((mode & groupOrOthersWrite) !== 0)
    return fail(probe, `${file} can be written by others (mode ${(mode & 0o777).toString(8)}).`, `chmod go-w ${file}`);
  const open = writableAbove(file);
  if (open !== undefined) return fail(probe, `${open}, above ${file}, can be written by others.`, `chmod go-w ${open}`);
  if (uid !== 0 && uid !== process.getuid!())
    return caution(probe, `${file} belongs to user ${uid}, who is neither root nor the server.`, `chown root ${file}`);
  return pass(probe, `${file} can be changed by its owner alone${link.isSymbolicLink() ? ', through a link' : ''}`);
};

/** A directory in which the server can keep something: written, synced and removed again, with room to spare, and not on a network. */
export const probeDirectory = (probe: string, directory: string): Finding => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { type, bavail, bsize } = statfsSync(directory);
  if (networkTypes.has(type))
    return fail(
      probe,
      `${directory} is on a network file system.`,
      'Use a local disk: a lost server must not stop this one, and locks must hold.',
    );
  const trial = join(directory, `.doctor-${process.pid}`);
  const file = openSync(trial, 'wx', 0o600);
  try {
    writeSync(file, 'trial');
    fsyncSync(file);
  } finally {
    closeSync(file);
    rmSync(trial);
  }
  const free = bavail * bsize;
  const says = `${directory} takes writes and has ${(free / gibibyte).toFixed(1)} GiB free`;
  if (free < gibibyte / 8) return fail(probe, says, 'Free some space: without it no job can be logged, and no job runs.');
  return free < 2 * gibibyte ? caution(probe, says, 'Free some space, or lower store.maxBytes.') : pass(probe, says);
};
