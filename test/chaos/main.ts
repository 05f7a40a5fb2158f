/**
 * `npm run chaos [-- --seed S --builds N]`, as root: builds of lua and re2 on five servers to which everything happens. Writes
 * docs/results/chaos.json when it is a whole run.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { freshSeed } from '../long/random.ts';
import { writeReport } from '../long/report.ts';
import { chaos, failuresOf } from './chaos.ts';

const wholeRun = { builds: 30, faults: 100, servers: 5 };
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(freshSeed()) },
    builds: { type: 'string', default: String(wholeRun.builds) },
    faults: { type: 'string' },
    /** Mean milliseconds between two faults. */
    pause: { type: 'string', default: '2500' },
  },
});
if (process.getuid?.() !== 0) {
  process.stderr.write('npm run chaos needs root: it makes network namespaces and mounts small disks.\n');
  process.exit(1);
}
const seed = Number(values.seed);
const builds = Number(values.builds);
const whole = builds >= wholeRun.builds;
const faults = Number(values.faults ?? (whole ? wholeRun.faults : 0));
const begun = performance.now();
const say = (line: string): void => void process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)}  ${line}\n`);

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(name));

say(`seed ${seed}`);
const run = { seed, builds, faults, servers: wholeRun.servers, meanPauseMs: Number(values.pause), projects: ['lua', 're2'], say, signal: stop.signal } as const;
const report = await chaos(run).catch((error: unknown) => {
  if (!stop.signal.aborted) throw error;
  process.stdout.write('stopped; everything was taken down\n');
  process.exit(130);
});
const failures = failuresOf(report);
const struck = Object.values(report.faults).reduce((sum, count) => sum + count, 0);
for (const failure of failures) process.stdout.write(`${failure}\n`);
process.stdout.write(`${JSON.stringify({ faults: report.faults, jobs: report.jobs, ends: report.ends })}\n`);
process.stdout.write(
  `${report.builds} builds, ${struck} faults, ${report.wrongObjects.length} wrong objects, ${report.lost.length} lost builds, `
  + `${report.leftOvers.length} left over, ${report.complaints.length} other complaints; seed ${seed}\n`
);
if (whole) await writeReport('chaos', { struck, seconds: Math.round((performance.now() - begun) / 1000), ...report });
if (failures.length > 0) process.exitCode = 1;
