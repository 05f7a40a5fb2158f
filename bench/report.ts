/**
 * The figures of one run, as JSON for machines and as a table for people.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { JobCounts, MemoryRow } from './wardcc.ts';

export interface Figure {
  readonly project: string;
  readonly contender: string;
  /** Compiles in one build. */
  readonly jobs: number;
  readonly wallMs: readonly number[];
  readonly medianMs: number;
  /** Median of wall time a job. */
  readonly msPerJob: number;
  /** To plain gcc in the same run. */
  readonly ratio: number;
  /** Client CPU a job, without what the stand-in costs. */
  readonly clientCpuMsPerJob: number;
  /** Objects with the same bytes as plain gcc's. */
  readonly identical: number | undefined;
  readonly counts: JobCounts | undefined;
}

export interface Report {
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly jobs: number;
  readonly rounds: number;
  readonly isolation: string;
  readonly figures: readonly Figure[];
  readonly memory: readonly MemoryRow[];
}

export const machineFacts = (gcc: string, distcc: string): Report['machine'] => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGb: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown',
  gcc,
  distcc,
  node: process.version,
});

const one = (value: number): string => value.toFixed(1);

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const countsText = (counts: JobCounts | undefined): string => {
  if (counts === undefined) return '';
  const bad = counts.failed + counts.denied;
  return `${counts.remote} remote, ${counts.hit} hit, ${counts.local} local${bad > 0 ? `, ${bad} failed` : ''}`;
};

/** Markdown. */
export const toTable = (report: Report): string => {
  const lines = [
    `# Bench of ${report.date}`,
    '',
    `make -j${report.jobs}, medians of ${report.rounds} in one run; "ms a job" is wall time ÷ jobs; ratios are to plain gcc.`,
    `Nothing was cached: each round compiles something new. Isolation: ${report.isolation}.`,
    `Client CPU is make, launcher and agent, without what the same build costs around /bin/true.`,
    '',
    row(['project', 'contender', 'jobs', 'ms', 'ms a job', 'ratio', 'client CPU ms a job', 'identical objects', 'jobs went']),
    row(['---', '---', '--:', '--:', '--:', '--:', '--:', '--:', '---']),
    ...report.figures.map((figure) => row([
      figure.project,
      figure.contender,
      String(figure.jobs),
      one(figure.medianMs),
      one(figure.msPerJob),
      figure.ratio.toFixed(2),
      one(figure.clientCpuMsPerJob),
      figure.identical === undefined ? '' : `${figure.identical} of ${figure.jobs}`,
      countsText(figure.counts),
    ])),
    '',
    row(['process', 'resident MB', 'most it ever had']),
    row(['---', '--:', '--:']),
    ...report.memory.map((entry) => row([entry.process, one(entry.residentMb), one(entry.peakMb)])),
    '',
    'Machine:',
    '',
    ...Object.entries(report.machine).map(([name, value]) => `- ${name}: ${value}`),
    '',
  ];
  return lines.join('\n');
};
