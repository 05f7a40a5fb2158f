/**
 * `farm.json`: what a throwaway farm consists of outside its directory. Written before each thing is made, so that
 * `dev down` can end a farm that never came up.
 *
 * @module
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { ProcessRecord } from './processes.ts';

export interface FarmRecord {
  readonly mechanism: 'cert' | 'krb5' | 'ssh';
  readonly processes: readonly ProcessRecord[];
  /** cgroup directories that were made for the servers, to be removed from the inside out. */
  readonly cgroups: readonly string[];
  /** Where checkout and farm were shown to the servers' account. */
  readonly stage: string | undefined;
}

/** The record of a farm, or undefined where there is none. */
export const readFarmRecord = async (file: string): Promise<FarmRecord | undefined> => {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as FarmRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

export const writeFarmRecord = async (file: string, record: FarmRecord): Promise<void> => {
  await writeFile(`${file}.new`, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
};
