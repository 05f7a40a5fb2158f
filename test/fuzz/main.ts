/**
 * `npm run fuzz -- [--time SECONDS] [--seed N] [TARGET…]`: changes inputs of every parser for so long in all. What crashes is kept in
 * test/fuzz/crashes/, where every later test runs it; what is new in the corpus. Prints the seed that repeats a run.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { crashDirectory, keep, keepFound, type Report } from './campaign.ts';
import { targets } from './targets/index.ts';
import type { WorkerData } from './worker.ts';

interface Ended extends Omit<Report, 'crashes'> {
  readonly crashes: readonly { readonly input: Uint8Array; readonly message: string }[];
  readonly heap: number;
}

/** A campaign that lasts as long is put on record in docs/results/. */
const recordedSeconds = 60;
/** How much longer than its time a campaign may take before its parser is taken to hang; on a busy machine that often. */
const patienceMs = 20_000;
const mostPatience = 10;

const { values, positionals } = parseArgs(
  { options: { time: { type: 'string', default: '60' }, seed: { type: 'string' } }, allowPositionals: true }
);
const seed = values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed);
const chosen = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const ms = (Number(values.time) * 1000) / chosen.length;

const run = (target: string): Promise<Ended> =>
  new Promise((resolve) => {
    const current = new SharedArrayBuffer(1 << 20);
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: { target, ms, seed, current } satisfies WorkerData });
    const broken = (message: string): void => {
      const view = Buffer.from(current);
      const input = Buffer.from(view.subarray(4, 4 + view.readUInt32LE(0)));
      resolve({ target, seed, runs: 0, ms, outcomes: 0, found: [], crashes: [{ input, message }], heap: 0 });
    };
    /** It had at least half of the processor time that its campaign was to last: it was not merely kept waiting. */
    const hasWorked = async (): Promise<boolean> => {
      const { user, system } = await worker.cpuUsage();
      return (user + system) / 1000 > ms / 2;
    };
    let patience = 0;
    const lookAgain = async (): Promise<void> => {
      if (++patience < mostPatience && !(await hasWorked())) {
        timer = setTimeout(() => void lookAgain(), patienceMs);
        return;
      }
      broken('it never returned');
      void worker.terminate();
    };
    let timer = setTimeout(() => void lookAgain(), ms + patienceMs);
    worker.once('message', resolve);
    worker.once('error', (error: unknown) => broken(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    worker.once('exit', () => clearTimeout(timer));
  });

const column = (value: number, width: number): string => String(value).padStart(width);

const root = fileURLToPath(new URL('../..', import.meta.url));
process.stdout.write(`seed ${seed}, ${Math.round(ms)} ms a target\n`);
const reports: Ended[] = [];
let crashes = 0;
for (const { name } of chosen) {
  const report = await run(name);
  reports.push(report);
  crashes += report.crashes.length;
  process.stdout.write(
    `${name.padEnd(16)} ${column(report.runs, 9)} runs ${column(report.outcomes, 6)} outcomes`
    + ` ${column(Math.round(report.heap / 2 ** 20), 4)} MiB ${report.crashes.length} crashes\n`
  );
  for (const { input, message } of report.crashes) process.stdout.write(
    `  ${keep(crashDirectory, name, Buffer.from(input))}\n  ${message.split('\n').slice(0, 4).join('\n  ')}\n`
  );
  keepFound({ ...report, crashes: [], found: report.found.map((input) => Buffer.from(input)) });
}
const total = reports.reduce((sum, { runs }) => sum + runs, 0);
process.stdout.write(`${total} runs, ${crashes} crashes, seed ${seed}\n`);
if (Number(values.time) >= recordedSeconds) {
  const commit = (() => {
    try {
      return execFileSync('git', ['-C', root, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
    } catch {
      return 'unknown';
    }
  })();
  const file = join(root, 'docs/results', `fuzz-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}Z.json`);
  mkdirSync(join(root, 'docs/results'), { recursive: true });
  const rows = reports.map(
    ({ target, runs, outcomes, crashes: { length }, heap }) => (
      { target, runs, outcomes, crashes: length, heapMiB: Math.round(heap / 2 ** 20) }
    )
  );
  writeFileSync(
    file, `${JSON.stringify({ commit, seed, seconds: Number(values.time), runs: total, crashes, targets: rows }, undefined, 1)}\n`,
  );
  process.stdout.write(`${file}\n`);
}
process.exitCode = crashes === 0 ? 0 : 1;
