/**
 * Takes the outputs of a job out of its slot: those that were asked for, and only if they are regular files where they should be, and the
 * job has written them: an input is no output, or somebody could have any bytes signed as what a compiler made.
 *
 * Attacker-controlled: a job may have put anything in the places of its outputs. All its processes are dead by now, so nothing changes
 * while it is read.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, realpathSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { isAsLaid } from './tree.ts';

export interface Collected {
  readonly index: number;
  readonly path: string;
  readonly size: number;
  readonly digest: string;
  readonly mode: number;
}

export interface Printed {
  readonly path: string;
  readonly size: number;
}

export interface Results {
  readonly stdout: Printed;
  readonly stderr: Printed;
  readonly outputs: readonly Collected[];
}

export interface CollectOptions {
  /** Root of the slot's tree, without links in its path. */
  readonly root: string;
  /** Where each output that was asked for lies in the tree: real directory and name; undefined if its directory does not exist. */
  readonly places: readonly (string | undefined)[];
  /** Descriptors of what was printed. */
  readonly stdout: number;
  readonly stderr: number;
  /** Where the results go, and how their names begin. */
  readonly resultPrefix: string;
  readonly fileBytes: number;
  readonly outputBytes: number;
}

const chunk = Buffer.allocUnsafe(256 * 1024);

/** The results of a job that has none. */
export const noResults = (resultPrefix: string): Results => {
  const nothing = (name: string): Printed => ({ path: `${resultPrefix}-${name}`, size: 0 });
  return { stdout: nothing('stdout'), stderr: nothing('stderr'), outputs: [] };
};

/**
 * Hashes and copies what a job made. An output that is absent, no regular file or an input is not in the answer; what was printed has a file only
 * if it is not empty.
 *
 * @throws WardError `output-limit`, `disk-full`; nothing that was copied is left then
 */
export const collectResults = (options: CollectOptions): Results => {
  const made: string[] = [];
  const printed = (fd: number, { path }: Printed): Printed => {
    const { size } = fstatSync(fd);
    if (size > 0) copy(fd, path, made);
    return { path, size };
  };
  try {
    const { stdout, stderr } = noResults(options.resultPrefix);
    const outputs: Collected[] = [];
    for (const [index, place] of options.places.entries()) {
      const left = options.outputBytes - outputs.reduce((sum, { size }) => sum + size, 0);
      const output = place === undefined ? undefined : collectOne(options, index, place, left, made);
      if (output !== undefined) outputs.push(output);
    }
    return { stdout: printed(options.stdout, stdout), stderr: printed(options.stderr, stderr), outputs };
  } catch (error) {
    for (const path of made) unlinkSync(path);
    throw error;
  }
};

const collectOne = (options: CollectOptions, index: number, place: string, left: number, made: string[]): Collected | undefined => {
  const directory = options.root + dirname(place);
  // A job may have put a link in the place of a directory on the way.
  if (!isReal(directory)) return undefined;
  const source = openRegular(`${directory}/${basename(place)}`);
  if (source === undefined) return undefined;
  try {
    const { size, mode, mtimeMs } = fstatSync(source);
    if (isAsLaid({ mtimeMs })) return undefined;
    if (size > options.fileBytes || size > left)
      throw new WardError('output-limit', `The output ${JSON.stringify(place)} has ${size} bytes, which is more than allowed.`);
    const path = `${options.resultPrefix}-${index}`;
    return { index, path, size, digest: copy(source, path, made), mode: mode & 0o777 };
  } finally {
    closeSync(source);
  }
};

const isReal = (directory: string): boolean => {
  try {
    return realpathSync.native(directory) === directory;
  } catch {
    return false;
  }
};

const openRegular = (path: string): number | undefined => {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  return undefined;
};

/** Copies an open file to a new one that the front can read, and gives its SHA-256. @throws WardError `disk-full` */
const copy = (source: number, path: string, made: string[]): string => {
  const hash = createHash('sha256');
  const target = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644);
  made.push(path);
  try {
    fchmodSync(target, 0o644);
    // Read by position: the place of a descriptor that a job printed through is where the job left it.
    for (let position = 0; ;) {
      const length = readSync(source, chunk, 0, chunk.length, position);
      position += length;
      if (length === 0) return hash.digest('hex');
      const bytes = chunk.subarray(0, length);
      hash.update(bytes);
      for (let written = 0; written < length;) written += writeSync(target, bytes, written);
    }
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).code === 'ENOSPC' ? new WardError('disk-full', undefined, { cause }) : cause;
  } finally {
    closeSync(target);
  }
};
