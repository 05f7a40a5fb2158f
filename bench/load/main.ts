/**
 * Load on one front, from a process of its own, by the client's own code: `main.ts SOURCES HOST…`, with the environment of a client. One
 * session for each HOST (several may lead to the same server). At first the C files in SOURCES are compiled, so that the server has their results; then
 * each line on standard input is a number of milliseconds for which those results are asked for, as often as they come. A line of JSON answers
 * each, and one tells when the sessions are open.
 *
 * @module
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runJob } from '../../client/agent/job.ts';
import { createServices } from '../../client/agent/services.ts';
import type { LauncherReply, LauncherRequest } from '../../client/agent/types.ts';
import { loadClientConfig } from '../../client/config.ts';
import { Farm, type CompileOptions, type FarmJob } from '../../client/farm/farm.ts';
import { monotonicMs } from '../../client/inputs/file-table.ts';
import { LocalResults } from '../../client/results/local-results.ts';
import { doAll } from '../simulation/make.ts';

/** Asked at once over all sessions; each asks for one at least. */
const inAll = 128;

/** Remembers what it was asked for. */
class RecordingFarm extends Farm {
  readonly jobs: { readonly job: FarmJob; readonly options: CompileOptions }[] = [];

  override compile(job: FarmJob, signal: AbortSignal, options: CompileOptions = {}): ReturnType<Farm['compile']> {
    this.jobs.push({ job, options });
    return super.compile(job, signal, options);
  }
}

const [sources = '.', ...hosts] = process.argv.slice(2);
const config = await loadClientConfig(process.env);
const never = new AbortController().signal;
const nothing = (): void => {};
const reply: LauncherReply = { output: nothing, remove: nothing, stdout: nothing, stderr: nothing, done: nothing };

const requestFor = (file: string): LauncherRequest => ({
  argv: ['gcc', '-O2', '-DBENCH_LOAD', '-c', file, '-o', join('/tmp', `${file}.o`)],
  compiler: '/usr/bin/gcc', cwd: sources, umask: 0o022, path: '/usr/bin:/bin', env: { WARDCC_FALLBACK: 'never' },
  terminal: { isTerminal: false, columns: 0, inputColumns: 0 }, pid: process.pid, begunMs: monotonicMs(), namespace: '', isUtf8: true,
});

const first = new RecordingFarm(config);
const services = { ...(await createServices(process.env)), results: new LocalResults('', 0), farm: first };
for (const file of readdirSync(sources).filter((name) => name.endsWith('.c'))) await runJob(requestFor(file), services, reply, never);
const { jobs } = first;
const atOnce = Math.max(1, Math.floor(inAll / hosts.length));
const farms = hosts.map((host) => ({ farm: new Farm(config), env: { WARDCC_FALLBACK: 'never', WARDCC_HOSTS: host } }));
// A session at a time: opening many at once is another measure.
for (const { farm, env } of farms) await farm.whoami(env);
process.stdout.write(`${JSON.stringify({ jobs: jobs.length, sessions: farms.length })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const end = performance.now() + Number(line);
  const counts = { hits: 0, others: 0 };
  const failures = await Promise.all(farms.map(({ farm, env }) => doAll(atOnce, atOnce, async (index) => {
    for (let turn = index; performance.now() < end; turn++) {
      const { job, options } = jobs[turn % jobs.length]!;
      const { result } = await farm.compile(job, never, { ...options, env });
      counts[result.cached ? 'hits' : 'others'] += 1;
    }
  })));
  for (const thrown of failures.flat()) throw thrown;
  process.stdout.write(`${JSON.stringify(counts)}\n`);
}
process.exit(0);
