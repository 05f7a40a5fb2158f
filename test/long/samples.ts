/**
 * Memory and descriptors of processes over a long run, and whether they stay as they are.
 *
 * @module
 */
import { readdirSync } from 'node:fs';
import { memoryOf } from '../../bench/measure.ts';

export interface Sample {
  /** Jobs that had begun. */
  readonly at: number;
  readonly processes: readonly { readonly process: string; readonly residentMb: number; readonly descriptors: number }[];
}

export interface Flatness {
  readonly process: string;
  readonly secondMb: number;
  readonly lastMb: number;
  readonly secondFds: number;
  readonly lastFds: number;
  readonly flat: boolean;
}

/** How much more the last quarter may need than the second. */
const tolerance = 1.05;

const descriptorsOf = (pid: number): number => {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
};

export const sample = (at: number, processes: readonly { readonly process: string; readonly pid: number }[]): Sample => ({
  at,
  processes: processes.map(({ process: name, pid }) => ({ process: name, residentMb: memoryOf(pid), descriptors: descriptorsOf(pid) })),
});

/** Means of the second and the last quarter of a run, for each process. */
export const flatness = (samples: readonly Sample[]): Flatness[] => {
  const quarter = Math.floor(samples.length / 4);
  const sorted = [...samples].sort((a, b) => a.at - b.at);
  const mean = (part: readonly Sample[], name: string, field: 'residentMb' | 'descriptors'): number => {
    const values = part.flatMap(({ processes }) => processes.filter((each) => each.process === name).map((each) => each[field]));
    return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  };
  const second = sorted.slice(quarter, 2 * quarter);
  const last = sorted.slice(-quarter);
  return [...new Set(sorted.flatMap(({ processes }) => processes.map((each) => each.process)))].map((name) => {
    const secondMb = mean(second, name, 'residentMb');
    const lastMb = mean(last, name, 'residentMb');
    const secondFds = Math.round(mean(second, name, 'descriptors'));
    const lastFds = Math.round(mean(last, name, 'descriptors'));
    return { process: name, secondMb, lastMb, secondFds, lastFds, flat: lastMb <= secondMb * tolerance && lastFds <= secondFds + 2 };
  });
};
