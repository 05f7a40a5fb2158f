/**
 * A described toolchain on disk, with the stamps of all files it was read from. It is as trustworthy as the directory it lies
 * in, which belongs to the user; a record that can't be read, or that names other bytes than it lists, is as good as none.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toolchainDigest, type Toolchain } from './describe.ts';
import { stampOf, type Stamp } from './stamp.ts';

export interface ToolchainRecord {
  readonly toolchain: Toolchain;
  readonly stamps: Readonly<Record<string, Stamp>>;
}

const FORMAT = 1;

/** Is every file that the record was read from what it was? */
export const isCurrent = ({ stamps }: ToolchainRecord): boolean => Object.entries(stamps).every(([path, stamp]) => stampOf(path) === stamp);

const recordPath = (directory: string, compiler: string): string =>
  join(directory, `toolchain-${createHash('sha256').update(compiler).digest('hex').slice(0, 16)}.json`);

export const loadRecord = (directory: string, compiler: string): ToolchainRecord | undefined => {
  try {
    const { format, toolchain, stamps } = JSON.parse(readFileSync(recordPath(directory, compiler), 'utf8'));
    const intact = format === FORMAT && toolchain.name === compiler && toolchainDigest(compiler, toolchain.entries) === toolchain.digest;
    return intact ? { toolchain, stamps } : undefined;
  } catch {
    return undefined;
  }
};

/** Writes the record atomically. A directory that can't be written costs time at the next start, nothing else. */
export const saveRecord = (directory: string, record: ToolchainRecord): void => {
  const path = recordPath(directory, record.toolchain.name);
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, JSON.stringify({ format: FORMAT, ...record }), { mode: 0o600 });
    renameSync(temporary, path);
  } catch {
    rmSync(temporary, { force: true });
  }
};
