/**
 * The figures as Markdown, for people: first what wardcc must reach, then everything side by side.
 *
 * @module
 */
import { aimOf, measures, type Measure, type MeasureName } from '../measures.ts';
import type { Figure } from '../results.ts';
import { spread } from '../statistics.ts';
import type { Report } from './report.ts';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const table = (head: readonly string[], align: readonly ('left' | 'right')[], rows: readonly (readonly string[])[]): string[] =>
  [row(head), row(align.map((side) => (side === 'left' ? '---' : '--:'))), ...rows.map(row), ''];

const rounded = (value: number, { digits }: Measure): string => value.toFixed(digits);

const namesOf = (figures: readonly Figure[], pick: 'project' | 'contender'): string[] => [...new Set(figures.map((figure) => figure[pick]))];

const aimRows = (figures: readonly Figure[]): string[][] => figures.flatMap(({ measure, project, contender, value }) => {
  const aim = aimOf(measure, project, contender);
  if (aim === undefined) return [];
  const { title, unit }: Measure = measures[measure];
  const reached = aim.atMost ? value <= aim.limit : value >= aim.limit;
  return [[title, project, contender, `${rounded(value, measures[measure])} ${unit}`, `${aim.atMost ? '≤' : '≥'} ${aim.limit}`, reached ? 'yes' : '**no**']];
});

/** One measure: contenders down, projects across; the middle, and below it the range where there were several turns. */
const matrix = (name: MeasureName, figures: readonly Figure[]): string[] => {
  const { title, unit }: Measure = measures[name];
  const projects = namesOf(figures, 'project');
  const cell = (contender: string, project: string): string => {
    const figure = figures.find((one) => one.contender === contender && one.project === project);
    if (figure === undefined) return '–';
    const [least, most] = spread(figure.samples);
    const range = figure.samples.length > 1 ? ` (${rounded(least, measures[name])}–${rounded(most, measures[name])})` : '';
    return `${rounded(figure.value, measures[name])}${range}`;
  };
  return [
    `### ${title}: ${unit}`,
    '',
    ...table(['', ...projects], ['left', ...projects.map(() => 'right' as const)], namesOf(figures, 'contender').map((contender) =>
      [contender, ...projects.map((project) => cell(contender, project))])),
  ];
};

const countsRows = (figures: readonly Figure[]): string[][] => figures.flatMap(({ measure, project, contender, counts, identical }) => {
  if (!['coldMs', 'cached', 'another', 'newcomer', 'sent', 'overIdeal'].includes(measure) || (counts === undefined && identical === undefined)) return [];
  const went = counts === undefined ? ['', '', '', ''] : [counts.remote, counts.hit, counts.local, counts.denied + counts.failed].map(String);
  return [[project, measures[measure].title, contender, ...went, identical === undefined ? '' : `${identical[0]} of ${identical[1]}`]];
});

const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : [`## ${title}`, '', ...lines, '']);

/** Markdown. */
export const toTable = ({ date, finished, jobs, rounds, isolation, machine, figures, absences }: Report): string => {
  const right = ['right', 'right', 'right', 'right', 'right'] as const;
  const aims = aimRows(figures);
  const counts = countsRows(figures);
  return [
    `# Bench of ${date}`,
    '',
    ...(finished ? [] : ['**This run has not ended**: what follows is what it had measured so far.', '']),
    `make -j${jobs}; medians of ${rounds} turns in one run, smallest and largest in brackets. Isolation: ${isolation}.`,
    'How each figure is taken is in [bench.md](../bench.md). Only the ratios say something about another machine.',
    '',
    ...section('What wardcc must reach', aims.length === 0 ? [] : table(['measure', 'of', 'contender', 'measured', 'aim', 'reached'], ['left', 'left', 'left', 'right', 'right', 'left'], aims)),
    ...section('Side by side', (Object.keys(measures) as MeasureName[]).flatMap((name) => {
      const found = figures.filter(({ measure }) => measure === name);
      return found.length === 0 ? [] : matrix(name, found);
    })),
    ...section('Where the jobs went', counts.length === 0 ? [] : [
      'All turns together. "Identical" counts objects with the same bytes as plain gcc\'s.', '',
      ...table(['project', 'build', 'contender', 'remote', 'hit', 'local', 'failed', 'identical'], ['left', 'left', 'left', ...right], counts),
    ]),
    ...section('What could not be measured', absences.map(({ project, contender, why }) => `- ${contender}, ${project}: ${why.split('\n').join(' ')}`)),
    ...section('Machine', Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`)),
  ].join('\n');
};
