/**
 * `wardctl dev down`: ends all that belongs to a throwaway farm. The directory stays, with its log.
 *
 * @module
 */
import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { endAgents } from './agents.ts';
import { removeCgroup } from './cgroup.ts';
import { readFarmRecord, writeFarmRecord } from './farm-record.ts';
import { farmLayout } from './layout.ts';
import { endProcesses, isRunning, sessionOf } from './processes.ts';
import { removeStage } from './stage.ts';

/** A server first tells its clients and lets its children end. */
const graceMs = 8_000;

/**
 * Ends agents, servers and everything they started, and takes back mounts and cgroups. Doing it twice is fine.
 *
 * @returns how many processes were told to end; undefined when there never was a farm.
 * @throws WardError `dev-failed` when something still runs.
 */
export const bringDown = async (dir: string): Promise<number | undefined> => {
  const layout = farmLayout(dir);
  const record = await readFarmRecord(layout.record);
  if (record === undefined) return undefined;
  await endAgents(layout.runtime);
  const running = record.processes.filter(isRunning);
  await endProcesses(running, graceMs);
  await endProcesses(record.processes.flatMap(sessionOf), 0);
  for (const cgroup of record.cgroups) await removeCgroup(cgroup);
  if (record.stage !== undefined) await removeStage(record.stage);
  if (layout.runtime.startsWith('/tmp/')) await rm(layout.runtime, { recursive: true, force: true });
  await makeRemovable(join(layout.directory, 'servers'));
  const left = record.processes.filter(isRunning);
  if (left.length > 0) throw new WardError('dev-failed', `still running: ${left.map(({ role, pid }) => `${role} (process ${pid})`).join(', ')}`);
  await writeFarmRecord(layout.record, { ...record, processes: [], cgroups: [], stage: undefined });
  return running.length;
};

/** Staged compilers lie in directories that nobody may write to, which would stop even `rm -r` by their owner. */
const makeRemovable = async (directory: string): Promise<void> => {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => []);
  for (const entry of entries.filter((one) => one.isDirectory())) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    if ((mode & 0o200) === 0) await chmod(path, (mode & 0o7777) | 0o200).catch(() => undefined);
  }
};
