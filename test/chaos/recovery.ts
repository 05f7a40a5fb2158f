/**
 * After the storm: every server is connected and does jobs again within the time that a client rests at most, builds need no help
 * of this machine, and every decision log proves whole.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { readEvents } from '../fixtures/decision-log.ts';
import type { Builds, Project } from './builds.ts';
import type { ChaosFarm } from './farm.ts';

/** A client rests 30 s at most, give or take a quarter; a server that failed again and again rests 30 s as well, and takes some to start. */
export const recoveryMs = 37_500 + 30_000 + 15_000;
const lookMs = 250;
/** Codes that no fault may bring about: whoever says so has found a bug. */
export const bugs: ReadonlySet<string> = new Set([
  'internal', 'protocol-violation', 'frame-too-large', 'bad-tag', 'bad-sequence', 'limit-exceeded', 'tree-invalid', 'output-refused', 'result-untrusted', 'scanner-miss',
]);
/** Marks of the builds that come after the storm. */
const laterMark = 1_000_000;

export interface Recovery {
  readonly recoveredMs: number;
  /** How jobs ended that did not end well, by code, as the servers' logs have it. */
  readonly ends: Readonly<Record<string, number>>;
  readonly complaints: readonly string[];
}

export const recover = async (farm: ChaosFarm, builds: Builds, project: Project, say: (line: string) => void): Promise<Recovery> => {
  const begun = performance.now();
  const complaints: string[] = [];
  const person = 'alice';
  const states = async (): Promise<string[]> => {
    const { status, stdout, stderr } = await farm.run(['wardctl', 'hosts', '--json'], { cwd: farm.layout.directory, person });
    // The agent, too, may have been killed a moment ago: it is asked again like a server that is not back.
    if (status !== 0) return [`wardctl hosts: ${stderr}`];
    return (JSON.parse(stdout) as { hosts: { name: string; state: string; reason?: string }[] }).hosts.map(({ name, state, reason }) => `${name} is ${state}${reason === undefined ? '' : ` (${reason})`}`);
  };
  let waiting: string[];
  do {
    waiting = (await states()).filter((state) => !state.endsWith('is connected'));
    if (waiting.length > 0) await pause(lookMs);
  } while (waiting.length > 0 && performance.now() - begun < recoveryMs);
  const recoveredMs = Math.round(performance.now() - begun);
  complaints.push(...waiting.map((state) => `not connected again after ${recoveredMs} ms: ${state}`));
  say(`every server is connected again after ${recoveredMs} ms`);

  // A server is connected while its executor is still being started again, and is not asked for 30 s by the client whose job its executor died under.
  let idle = farm.servers;
  for (let mark = laterMark; idle.length > 0 && (mark === laterMark || performance.now() - begun < recoveryMs); mark++) {
    const report = await builds.build(project, { person, mark, timeoutMs: 120_000, settings: { WARDCC_FALLBACK: 'never' } });
    if (report.status !== 0 || report.wrong.length > 0) complaints.push(`a build after the storm failed: ${report.said}`);
    idle = idle.filter(({ host }) => !report.servers.includes(host));
    say(`a build after the storm, ${report.seconds.toFixed(1)} s, by ${report.servers.length} servers`);
  }
  complaints.push(...idle.map(({ name }) => `${name} did nothing after the storm`));

  const ends: Record<string, number> = {};
  for (const { name, disks, crashes } of farm.servers) {
    complaints.push(...crashes.map((crash) => `a process of ${name} crashed: ${crash}`));
    const { directory } = disks.log;
    const { status, stdout, stderr } = await farm.run(['wardctl', 'audit', 'verify', directory], { cwd: farm.layout.directory, person });
    if (status !== 0) complaints.push(`the log of ${name} does not prove whole: ${stdout}${stderr}`);
    for (const { event, reason: code, message } of readEvents(directory)) {
      if (event !== 'job.end' || code === undefined) continue;
      ends[code] = (ends[code] ?? 0) + 1;
      if (bugs.has(code)) complaints.push(`a job on ${name} ended with ${code}: ${message}`);
    }
  }
  return { recoveredMs, ends, complaints };
};
