/**
 * A staged toolchain: a directory, named by the toolchain's digest, that is laid out like a root directory with nothing but
 * that toolchain in it. It is mounted read-only into sandboxes; mounting one directory is what makes a sandbox cheap.
 *
 * Files are hard links into a pool named by content, so that gcc and g++ share what they share. Everything is readable by all
 * and writable by nobody. A stage appears under its name only when it is complete and every byte was hashed.
 *
 * @module
 */

import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import type { Toolchain, ToolchainEntry } from '../../toolchain/describe.ts';
import { hashFile, inParallel } from '../../toolchain/hash.ts';

type FileEntry = Extract<ToolchainEntry, { kind: 'file' }>;

/** Links at the root of a merged-/usr system; a sandbox makes the same ones. */
export const rootLinks: Readonly<Record<string, string>> = { bin: 'usr/bin', lib: 'usr/lib', lib64: 'usr/lib64', sbin: 'usr/sbin' };

const poolDirectory = (stages: string): string => join(stages, 'pool');
const temporaryPrefix = '.tmp-';

/** Two files of equal content may differ in their execute bit, and one inode has one mode. */
const poolPath = (stages: string, entry: FileEntry): string =>
  join(poolDirectory(stages), entry.digest.slice(0, 2), `${entry.digest}${entry.executable ? '-x' : ''}`);

const modeOf = (entry: FileEntry): number => (entry.executable ? 0o555 : 0o444);

/** mkdir whatever the umask says: other accounts must be able to look into a stage. */
const makeDirectory = (path: string): void => {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path);
  chmodSync(path, 0o755);
};

/** Copies a file of this system into the pool, hashing what is written. */
const copyIntoPool = async (stages: string, entry: FileEntry): Promise<void> => {
  const path = poolPath(stages, entry);
  makeDirectory(dirname(path));
  const temporary = join(dirname(path), `${temporaryPrefix}${process.pid}-${entry.digest}`);
  const file = await open(temporary, 'w', 0o600);
  try {
    const digest = await hashFile(entry.path, async (piece) => void (await file.writeFile(piece)));
    if (digest !== entry.digest) throw new WardError('toolchain-unknown', `${entry.path} changed while it was staged.`);
    await file.chmod(modeOf(entry));
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
};

/** Makes sure that the pool holds the right bytes of an entry; what a disk or a person changed is copied again. */
const ensureInPool = async (stages: string, entry: FileEntry, verified: Set<string>): Promise<void> => {
  const path = poolPath(stages, entry);
  if (verified.has(path)) return;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  const looksRight = stat?.isFile() === true && stat.size === entry.size && (stat.mode & 0o777) === modeOf(entry);
  const intact = looksRight && (await hashFile(path)) === entry.digest;
  if (!intact) {
    rmSync(path, { force: true, recursive: true });
    await copyIntoPool(stages, entry);
  }
  verified.add(path);
};

/** Everything below a directory, relative to it: `[path, what]`, where files are told by `file DEVICE:INODE`. */
export const survey = (root: string, below = ''): [string, string][] =>
  readdirSync(join(root, below), { withFileTypes: true }).flatMap((item): [string, string][] => {
    const path = below === '' ? item.name : `${below}/${item.name}`;
    if (item.isDirectory()) return [[path, 'directory'], ...survey(root, path)];
    if (item.isSymbolicLink()) return [[path, `link ${readlinkSync(join(root, path))}`]];
    const stat = lstatSync(join(root, path));
    return [[path, item.isFile() ? `file ${stat.dev}:${stat.ino}` : 'other']];
  });

/** What {@link survey} must find in a stage of this toolchain, the pool being intact. */
const expectation = (toolchain: Toolchain, stages: string): Map<string, string> => {
  const expected = new Map<string, string>(Object.entries(rootLinks).map(([name, target]) => [name, `link ${target}`]));
  const parents = (path: string): void => {
    for (let at = dirname(path); at !== '.' && !expected.has(at); at = dirname(at)) expected.set(at, 'directory');
  };
  for (const entry of toolchain.entries) {
    const path = entry.path.slice(1);
    parents(path);
    if (entry.kind === 'link') expected.set(path, `link ${entry.target}`);
    else {
      const stat = lstatSync(poolPath(stages, entry));
      expected.set(path, `file ${stat.dev}:${stat.ino}`);
    }
  }
  for (const folder of [...toolchain.includeDirs, '/usr/bin', '/usr/sbin', '/usr/lib', '/usr/lib64']) {
    parents(folder.slice(1));
    expected.set(folder.slice(1), 'directory');
  }
  return expected;
};

const matches = (root: string, expected: Map<string, string>): boolean => {
  if (!existsSync(root)) return false;
  const found = survey(root);
  return found.length === expected.size && found.every(([path, what]) => expected.get(path) === what);
};

const build = (toolchain: Toolchain, stages: string, root: string, expected: Map<string, string>): void => {
  const files = toolchain.entries.filter((entry) => entry.kind === 'file');
  const pool = new Map(files.map((entry) => [entry.path.slice(1), poolPath(stages, entry)]));
  makeDirectory(root);
  const paths = [...expected.keys()].sort();
  for (const path of paths) {
    const what = expected.get(path) as string;
    const at = join(root, path);
    if (what === 'directory') makeDirectory(at);
    else if (what.startsWith('link ')) symlinkSync(what.slice(5), at);
    else linkSync(pool.get(path) as string, at);
  }
  for (const path of paths.reverse()) if (expected.get(path) === 'directory') chmodSync(join(root, path), 0o555);
};

/** Removes a tree whose directories may be read-only. */
const removeTree = (root: string): void => {
  if (!existsSync(root)) return;
  chmodSync(root, 0o755);
  for (const [path, what] of survey(root)) if (what === 'directory') chmodSync(join(root, path), 0o755);
  rmSync(root, { recursive: true, force: true });
};

/**
 * Stages a toolchain of this machine. An existing stage is used again only if every byte and every link is as it should be.
 *
 * @param verified pool files that were found intact already, when several toolchains are staged in a row.
 * @returns the directory to be mounted as the sandbox's root: `<stages>/<digest>`.
 * @throws WardError `toolchain-unknown` when a file changes meanwhile; file system errors as they come.
 */
export const stageToolchain = async (toolchain: Toolchain, stages: string, verified = new Set<string>()): Promise<string> => {
  makeDirectory(poolDirectory(stages));
  await inParallel(toolchain.entries.filter((entry) => entry.kind === 'file'), 4, (entry) => ensureInPool(stages, entry, verified));
  const root = join(stages, toolchain.digest);
  const expected = expectation(toolchain, stages);
  if (matches(root, expected)) return root;
  removeTree(root);
  const temporary = join(stages, `${temporaryPrefix}${process.pid}-${toolchain.digest}`);
  removeTree(temporary);
  build(toolchain, stages, temporary, expected);
  renameSync(temporary, root);
  return root;
};

/** Removes what a crash left behind, stages that are no longer wanted, and pool files that no stage uses. */
export const sweepStages = (stages: string, wanted: ReadonlySet<string>): void => {
  if (!existsSync(stages)) return;
  for (const name of readdirSync(stages)) if (name !== 'pool' && !wanted.has(name)) removeTree(join(stages, name));
  if (!existsSync(poolDirectory(stages))) return;
  for (const folder of readdirSync(poolDirectory(stages))) {
    for (const name of readdirSync(join(poolDirectory(stages), folder))) {
      const path = join(poolDirectory(stages), folder, name);
      if (name.startsWith(temporaryPrefix) || lstatSync(path).nlink === 1) rmSync(path, { force: true });
    }
  }
};
