/**
 * The name of a toolchain: a digest over the list of everything it is made of ({@link findClosure}) and the path by which it
 * is invoked. Client and server compute it by themselves; a job only goes where the digest is the same.
 *
 * The digest depends on paths, contents, link targets and execute bits; not on times, owners or inode numbers.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { findClosure, type CanaryLanguage, type Closure } from './closure.ts';
import { hashFile, inParallel } from './hash.ts';
import type { Family } from './query.ts';
import { isCurrent, loadRecord, saveRecord, type ToolchainRecord } from './record.ts';
import { stampOf, type Stamp } from './stamp.ts';

export type ToolchainEntry =
  | { readonly path: string; readonly kind: 'file'; readonly digest: string; readonly size: number; readonly executable: boolean }
  | { readonly path: string; readonly kind: 'link'; readonly target: string };

export interface Toolchain {
  /** SHA-256, hex. */
  readonly digest: string;
  /** Absolute path by which the compiler is invoked. */
  readonly name: string;
  readonly family: Family;
  readonly version: string;
  readonly target: string;
  /** Sorted by the bytes of the path; every path lies below `/usr`. */
  readonly entries: readonly ToolchainEntry[];
  /** Directories below `/usr` where a client's headers may be laid out. */
  readonly includeDirs: readonly string[];
  readonly languages: readonly CanaryLanguage[];
  /** Helpers that the driver looks up on PATH. */
  readonly pathPrograms: readonly string[];
}

export interface DescribeOptions {
  /** Directory where results are kept between runs; they are used again while no file has changed. */
  readonly cacheDir?: string;
}

/** SHA-256 over the canonical list: one JSON line for the format, one for the invoked path, one an entry. */
export const toolchainDigest = (name: string, entries: readonly ToolchainEntry[]): string => {
  const hash = createHash('sha256').update(`${JSON.stringify(['wardcc toolchain', 1])}\n${JSON.stringify(['driver', name])}\n`);
  for (const entry of entries) {
    const line = entry.kind === 'file' ? ['file', entry.path, entry.digest, entry.executable] : ['link', entry.path, entry.target];
    hash.update(`${JSON.stringify(line)}\n`);
  }
  return hash.digest('hex');
};

const byPath = (a: ToolchainEntry, b: ToolchainEntry): number => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));

/** Hashes the files of a closure; digests of files that have not changed since `known` was written are taken from there. */
const listEntries = async (
  closure: Closure, known: ToolchainRecord | undefined,
): Promise<{ entries: ToolchainEntry[]; stamps: Record<string, Stamp> }> => {
  const stamps: Record<string, Stamp> = {};
  const before = known?.toolchain.entries ?? [];
  const digests = new Map(before.flatMap((entry) => (entry.kind === 'file' ? [[entry.path, entry.digest] as const] : [])));
  const files = await inParallel([...closure.files.files], 4, async (path): Promise<ToolchainEntry> => {
    const stat = lstatSync(path);
    const stamp = (stamps[path] = stampOf(path));
    const digest = (known?.stamps[path] === stamp && digests.get(path)) || (await hashFile(path));
    return { path, kind: 'file', digest, size: stat.size, executable: (stat.mode & 0o111) !== 0 };
  });
  const links = [...closure.files.links].map(([path, target]): ToolchainEntry => ({ path, kind: 'link', target }));
  for (const path of [...closure.files.links.keys(), ...closure.watched]) stamps[path] = stampOf(path);
  return { entries: [...files, ...links].sort(byPath), stamps };
};

/**
 * Describes the compiler at an absolute path, as it is invoked.
 *
 * @throws WardError `toolchain-unknown` when it can't travel, with the reason.
 */
export const describeToolchain = async (compiler: string, options: DescribeOptions = {}): Promise<Toolchain> =>
  (await recordToolchain(compiler, options)).toolchain;

/**
 * The same, with the stamps of all files that it was read from: as long as they hold ({@link isCurrent}) so does the description.
 *
 * @throws WardError `toolchain-unknown` when it can't travel, with the reason.
 */
export const recordToolchain = async (compiler: string, options: DescribeOptions = {}): Promise<ToolchainRecord> => {
  const known = options.cacheDir === undefined ? undefined : loadRecord(options.cacheDir, compiler);
  if (known !== undefined && isCurrent(known)) return known;
  const closure = await findClosure(compiler);
  const { entries, stamps } = await listEntries(closure, known);
  const toolchain: Toolchain = {
    digest: toolchainDigest(compiler, entries),
    name: compiler,
    family: closure.family,
    version: closure.version,
    target: closure.target,
    entries,
    includeDirs: closure.includeDirs,
    languages: closure.languages,
    pathPrograms: closure.pathPrograms,
  };
  const record = { toolchain, stamps };
  if (options.cacheDir !== undefined) saveRecord(options.cacheDir, record);
  return record;
};
