/**
 * A run's report: JSON for machines, a table and a chart for people, written anew whenever a figure comes.
 *
 * @module
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Absence, Figure } from '../results.ts';
import { toChart } from './chart.ts';
import { toTable } from './table.ts';

export interface Report {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly finished: boolean;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly jobs: number;
  readonly rounds: number;
  readonly isolation: string;
  readonly figures: readonly Figure[];
  readonly absences: readonly Absence[];
}

/** Writes `bench-DATE.json`, `.md` and `.svg`. Whoever reads one meanwhile sees a whole one. */
export const writeReport = (directory: string, report: Report): void => {
  mkdirSync(directory, { recursive: true });
  const { date, machine, rounds, figures } = report;
  const subtitle = `${machine['processor']}, ${machine['cores']} cores, commit ${machine['commit']}; medians of ${rounds} turns in one run${report.finished ? '' : ', which has not ended'}`;
  const chart = toChart({ title: `wardcc beside other tools, ${date.slice(0, 10)}`, subtitle, figures });
  const texts = { json: `${JSON.stringify(report, undefined, 2)}\n`, md: toTable(report), svg: chart };
  for (const [ending, text] of Object.entries(texts)) {
    const file = join(directory, `bench-${report.date.slice(0, 10)}.${ending}`);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }
};
