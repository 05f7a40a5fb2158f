/**
 * One run of the simulated farm: the whole plan as one build, in real time.
 *
 * @module
 */
import { closeSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildId, namespaceIdentity, openMeetingPlace } from '../../client/agent/place.ts';
import type { LauncherRequest } from '../../client/agent/types.ts';
import { monotonicMs } from '../../client/inputs/file-table.ts';
import { run } from '../../setup/demo/run.ts';
import { cpuOf, memoryOf } from '../measure.ts';
import { startSimulatedFarm } from './farm.ts';
import { askAgent, doAll } from './make.ts';
import { durations, ideal, type Plan } from './plan.ts';

export interface Simulation {
  /** Why jobs were not done by a server; of each, make would have said so and failed. */
  readonly failures: readonly unknown[];
  readonly wallMs: number;
  /** What it would take without any delay and with perfect knowledge. */
  readonly idealMs: number;
  readonly agentCpuMsPerJob: number;
  /** The most memory that the agent ever had, in megabytes. */
  readonly agentMb: number;
  /** CPU time of all servers together. */
  readonly serversCpuMsPerJob: number;
}

/** Different files in the build; each is compiled several times with another macro. */
const files = 2_000;
const headers = 40;
const headersEach = 4;
/** As `make -j` with half as many again as the farm has slots: there is a job for a slot that becomes free. */
const jobsPerSlot = 1.5;
const compiler = '/usr/bin/gcc';

const writeSources = (directory: string, count: number): void => {
  mkdirSync(join(directory, 'out'), { recursive: true });
  for (let header = 0; header < headers; header++) {
    writeFileSync(join(directory, `h${header}.h`), `#ifndef H${header}\n#define H${header}\nstruct h${header} { int field; };\n#endif\n`);
  }
  for (let file = 0; file < count; file++) {
    const included = Array.from({ length: headersEach }, (_, index) => `#include "h${(file + index * 7) % headers}.h"\n`).join('');
    writeFileSync(join(directory, `f${file}.c`), `#include <stdio.h>\n${included}int f${file}(void) { return puts("${file}"); }\n`);
  }
};

const requestFor = (directory: string, env: Record<string, string>, namespace: string) => (index: number, ms: number, count: number): LauncherRequest => ({
  argv: ['gcc', '-O2', `-DBENCH_JOB=${index}`, `-DBENCH_MS=${ms}`, '-c', `f${index % count}.c`, '-o', `out/${index}.o`],
  compiler,
  cwd: directory,
  umask: 0o022,
  path: '/usr/bin:/bin',
  env,
  terminal: { isTerminal: false, columns: 0, inputColumns: 0 },
  pid: process.pid,
  begunMs: monotonicMs(),
  namespace,
  isUtf8: true,
});

/** @throws Error when there is no farm, or it does no job at all */
export const simulate = async (place: string, plan: Plan): Promise<Simulation> => {
  const farm = await startSimulatedFarm(join(place, 'simulation'), plan);
  const wardctl = (...words: string[]): ReturnType<typeof run> => run(['wardctl', ...words], { env: farm.env });
  const meeting = openMeetingPlace(farm.env, buildId());
  try {
    const source = join(place, 'simulated build');
    const count = Math.min(files, plan.jobs);
    writeSources(source, count);
    const { status, stderr } = await wardctl('hosts', '--json');
    if (status !== 0) throw new Error(`wardctl hosts failed: ${stderr}`);
    const { agent } = JSON.parse((await wardctl('stats', '--json')).stdout) as { agent: { pid: number } };
    const request = requestFor(source, { WARDCC_FALLBACK: 'never' }, namespaceIdentity());
    // One job makes the compiler known to the agent.
    await askAgent(meeting.file('sock'), request(plan.jobs, 1, count));
    const lengths = durations(plan);
    const slots = plan.servers * plan.slots;
    const before = { agent: cpuOf(agent.pid), servers: cpuOf(farm.servers) };
    const begun = performance.now();
    const failures = await doAll(plan.jobs, jobsPerSlot * slots, (index) => askAgent(meeting.file('sock'), request(index, lengths[index]!, count)));
    const wallMs = performance.now() - begun;
    return {
      failures,
      wallMs,
      idealMs: ideal(lengths, slots),
      agentCpuMsPerJob: (cpuOf(agent.pid) - before.agent) / plan.jobs,
      agentMb: memoryOf(agent.pid, { peak: true }),
      serversCpuMsPerJob: (cpuOf(farm.servers) - before.servers) / plan.jobs,
    };
  } finally {
    await wardctl('stop');
    closeSync(meeting.descriptor);
    await farm.end();
  }
};
