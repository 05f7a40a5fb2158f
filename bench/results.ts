/**
 * The figures of one run, kept as they come: whoever stops a run half way has what it measured so far.
 *
 * @module
 */
import type { JobCounts } from './contenders/contender.ts';
import type { MeasureName } from './measures.ts';
import { median } from './statistics.ts';

export interface Figure {
  readonly measure: MeasureName;
  readonly project: string;
  readonly contender: string;
  /** Median of the samples. */
  readonly value: number;
  /** One of each turn, in order. */
  readonly samples: readonly number[];
  /** Where the jobs of all samples went. */
  readonly counts?: JobCounts;
  /** Objects with the same bytes as plain gcc's, of how many. */
  readonly identical?: readonly [number, number];
}

/** A figure that there is not. */
export interface Absence {
  readonly project: string;
  readonly contender: string;
  readonly why: string;
}

export class Results {
  readonly figures: Figure[] = [];
  readonly absences: Absence[] = [];
  readonly #changed: () => void;

  /** @param changed called after each change */
  constructor(changed: () => void = () => {}) {
    this.#changed = changed;
  }

  add(measure: MeasureName, project: string, contender: string, samples: readonly number[], more: Pick<Figure, 'counts' | 'identical'> = {}): void {
    if (samples.length === 0) return;
    this.figures.push({ measure, project, contender, value: median(samples), samples, ...more });
    this.#changed();
  }

  /** Nobody is missing without a word. */
  absent(project: string, contender: string, thrown: unknown): void {
    const why = (thrown instanceof Error ? thrown.message : String(thrown)).trim();
    if (this.absences.some((one) => one.project === project && one.contender === contender && one.why === why)) return;
    this.absences.push({ project, contender, why });
    this.#changed();
  }
}
