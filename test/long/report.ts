/**
 * Results of the long runs, as they are kept in docs/results/.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const commit = (): string => {
  try {
    return execFileSync('git', ['-C', root, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
};

/** Writes one run with its commit and machine. */
export const writeReport = async (name: string, result: object): Promise<void> => {
  const directory = join(root, 'docs/results');
  mkdirSync(directory, { recursive: true });
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', memoryGb: Math.round(totalmem() / 2 ** 30), kernel: release(), arch: arch(), node: process.version };
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), commit: commit(), machine, ...result }, null, 2)}\n`);
};
