/**
 * Where this user's agent listens: the same computation as `client/launcher/place.c`.
 *
 * The directory is opened once, checked, and used through its descriptor: nobody can put another one in its place afterwards,
 * and a long path is no problem to the socket.
 *
 * @module
 */
import { closeSync, constants, existsSync, fstatSync, lstatSync, mkdirSync, openSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WardError } from '../../protocol/errors.ts';

export interface MeetingPlace {
  /** The runtime directory, for messages. */
  readonly directory: string;
  /** Descriptor of the directory; it stays open. */
  readonly descriptor: number;
  /** 16 hex digits: build, configuration and file system. */
  readonly name: string;
  /** 16 hex digits: configuration and file system, whatever the build. */
  readonly identity: string;
  /** Path of a file beside the socket, through the descriptor. */
  file(suffix: 'sock' | 'status' | 'lock' | 'log' | 'new'): string;
}

/** Name of this build, as the launcher has it compiled in: beside the compiled JavaScript, or in `dist` when the sources run directly. */
export const buildId = (): string => {
  const places = ['../../build-id', '../../dist/build-id'].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find((place) => existsSync(place));
  return found === undefined ? 'development' : readFileSync(found, 'utf8').trim();
};

/** Mount namespace and root directory: two processes with the same see the same files. */
export const namespaceIdentity = (): string => {
  const root = statSync('/', { bigint: true });
  return `${readlinkSync('/proc/self/ns/mnt')}|${root.dev}:${root.ino}`;
};

/** `$WARDCC_CONFIG` as an absolute path, or ''. */
export const configurationPath = (env: NodeJS.ProcessEnv): string => {
  const path = env['WARDCC_CONFIG'] ?? '';
  return path === '' || path.startsWith('/') ? path : `${process.cwd()}/${path}`;
};

/** The user's configuration file, by which agents are told apart: the one that `WARDCC_CONFIG` names, or the one below `HOME`. */
const configurationIdentity = (env: NodeJS.ProcessEnv): string =>
  configurationPath(env) || `${env['HOME'] ?? ''}/.config/wardcc/client.jsonc`;

/** FNV-1a over the bytes, 64 bits, as 16 hex digits. */
export const fnv1a64 = (text: string): string => {
  let state = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) state = BigInt.asUintN(64, (state ^ BigInt(byte)) * 0x100000001b3n);
  return state.toString(16).padStart(16, '0');
};

const chooseDirectory = (env: NodeJS.ProcessEnv, uid: number): string => {
  const chosen = env['WARDCC_RUNTIME_DIR'];
  if (chosen !== undefined && chosen !== '') {
    if (!chosen.startsWith('/')) throw new WardError('config-invalid', 'WARDCC_RUNTIME_DIR is not an absolute path.');
    return chosen;
  }
  const session = lstatSync(`/run/user/${uid}`, { throwIfNoEntry: false });
  return session?.isDirectory() === true && session.uid === uid ? `/run/user/${uid}/wardcc` : `/tmp/wardcc-${uid}`;
};

/** Makes the directory if it is absent. @throws WardError `config-invalid` if it can't be trusted */
export const openMeetingPlace = (env: NodeJS.ProcessEnv, build: string): MeetingPlace => {
  const uid = process.geteuid!();
  const directory = chooseDirectory(env, uid);
  const refuse = (sentence: string, cause?: unknown): WardError =>
    new WardError('config-invalid', `The runtime directory ${directory} ${sentence}.`, { cause });
  let descriptor: number;
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw refuse('cannot be made', error);
  }
  try {
    descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    throw refuse('is a link or no directory, or cannot be opened', error);
  }
  const status = fstatSync(descriptor);
  if (status.uid !== uid || (status.mode & 0o077) !== 0) {
    closeSync(descriptor);
    throw refuse(status.uid === uid ? 'is open to others: its mode must be 0700' : 'belongs to somebody else');
  }
  const name = fnv1a64(`${build}\0${configurationIdentity(env)}\0${namespaceIdentity()}`);
  const identity = fnv1a64(`${configurationIdentity(env)}\0${namespaceIdentity()}`);
  return { directory: resolve(directory), descriptor, name, identity, file: (suffix) => `/proc/self/fd/${descriptor}/agent-${name}.${suffix}` };
};
