/**
 * `npm run soak [-- --jobs N]`: many jobs through one server and one agent. Memory and descriptors of every process are looked at all
 * the time: the last quarter of the run may not need more than the second. Writes docs/results/soak.json when it is a whole run.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startWardcc } from '../../bench/contenders/wardcc.ts';
import { writeReport } from './report.ts';
import { flatness, sample, type Sample } from './samples.ts';

const wholeRun = 20_000;
const { values } = parseArgs({ options: { jobs: { type: 'string', default: String(wholeRun) }, parallel: { type: 'string', default: '8' } } });
const jobs = Number(values.jobs);
const looks = 80;

/** One compile by the launcher; different from all others, so that it is no hit. */
const compile = (directory: string, env: NodeJS.ProcessEnv, number: number): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn('wardcc', ['gcc', '-c', `-DJOB=${number}`, '-o', `${number % 64}.o`, 'job.c'], { cwd: directory, env, stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });

const place = await mkdtemp(join(tmpdir(), 'wardcc soak '));
const wardcc = await startWardcc({ place, jobs }, 'cert');
let failed = 0;
const samples: Sample[] = [];
try {
  const directory = join(place, 'work');
  await mkdir(directory);
  await writeFile(join(directory, 'job.c'), '#include <stdio.h>\nint job = JOB;\nint main(void) { return printf("%d\\n", job) < 0; }\n');
  const env = { ...process.env, ...wardcc.env, WARDCC_FALLBACK: 'never' };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < jobs) {
      const number = next++;
      if (!(await compile(directory, env, number))) failed++;
      if (number % Math.max(1, Math.floor(jobs / looks)) === 0) samples.push(sample(number, wardcc.processes()));
    }
  };
  await Promise.all(Array.from({ length: Number(values.parallel) }, worker));
  const counts = await wardcc.counts.read();
  const processes = flatness(samples);
  const flat = processes.every(({ flat: isFlat }) => isFlat);
  for (const { process: name, secondMb, lastMb, secondFds, lastFds, flat: isFlat } of processes) {
    process.stdout.write(`${name.padEnd(14)} ${secondMb.toFixed(1)} → ${lastMb.toFixed(1)} MB   ${secondFds} → ${lastFds} descriptors   ${isFlat ? 'flat' : 'GROWS'}\n`);
  }
  process.stdout.write(`${counts.remote} remote, ${counts.hit} hits, ${counts.local} local, ${failed} failed\n`);
  if (jobs >= wholeRun) await writeReport('soak', { jobs, counts, failed, processes });
  if (!flat || failed > 0 || counts.remote < jobs) process.exitCode = 1;
} finally {
  await wardcc.end();
  await rm(place, { recursive: true, force: true });
}
