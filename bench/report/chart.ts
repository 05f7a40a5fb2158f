/**
 * The figures as a drawing: one panel for each measure, with a bar for each contender in each project, its range over the turns as a thin
 * line, and wardcc's aim as a dashed one. SVG without scripts or outside fonts, for light and dark pages.
 *
 * @module
 */
import { aimOf, measures, type Measure, type MeasureName } from '../measures.ts';
import type { Figure } from '../results.ts';
import { spread } from '../statistics.ts';

const width = 900;
const margin = 24;
const labelWidth = 200;
const valueWidth = 70;
const barHeight = 15;
const barGap = 4;
const groupGap = 12;
const titleHeight = 44;
const panelGap = 18;

/** Ours, the compiler alone, and everybody else. */
const colours = { ours: '#0b6e99', plain: '#8a8f98', others: '#c9a15b', ink: '#1d2129', faint: '#5c6370', line: '#b3382c', paper: '#ffffff', rule: '#dfe2e7' };

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const place = (value: number): string => String(Math.round(value * 10) / 10);

const text = (x: number, y: number, words: string, more = ''): string => `<text x="${place(x)}" y="${place(y)}"${more === '' ? '' : ` ${more}`}>${escape(words)}</text>`;

const colourOf = (contender: string): string => {
  if (contender.startsWith('wardcc')) return colours.ours;
  return contender === 'plain gcc' || contender === '/bin/true' ? colours.plain : colours.others;
};

interface Drawn {
  readonly svg: string[];
  readonly height: number;
}

/** The bars of one project, from `top` downwards, and the line of each aim beside those that it is held against. */
const bars = (name: MeasureName, figures: readonly Figure[], top: number, scale: (value: number) => number): Drawn => {
  const { digits }: Measure = measures[name];
  const shapes: string[] = [];
  const words: string[] = [];
  const aims = new Map<number, { from: number; to: number }>();
  let y = top;
  for (const { project, contender, value, samples } of figures) {
    const [least, most] = spread(samples);
    const [base, middle, end] = [scale(0), y + barHeight / 2, scale(value)];
    words.push(text(base - 8, y + barHeight - 4, contender, 'class="label"'));
    shapes.push(`<rect x="${place(base)}" y="${place(y)}" width="${place(Math.max(1, end - base))}" height="${barHeight}" fill="${colourOf(contender)}"/>`);
    if (samples.length > 1) shapes.push(`<path d="M${place(scale(least))} ${place(middle)}H${place(scale(most))}" class="range"/>`);
    words.push(text(Math.max(end, scale(most)) + 6, y + barHeight - 4, value.toFixed(digits), 'class="value"'));
    const limit = aimOf(name, project, contender)?.limit;
    // Tools of others are held against our aim too; each of several processes has one of its own.
    if (limit !== undefined) aims.set(limit, { from: aims.get(limit)?.from ?? (name === 'memory' ? y : top), to: y + barHeight });
    y += barHeight + barGap;
  }
  const lines = [...aims].map(([limit, { from, to }]) => `<path d="M${place(scale(limit))} ${place(from - 3)}V${place(to + 3)}" class="aim"/>`);
  return { svg: [...shapes, ...lines, ...words], height: y - top };
};

/** One measure, from `top` downwards. */
const panel = (name: MeasureName, figures: readonly Figure[], top: number): Drawn => {
  const { title, unit }: Measure = measures[name];
  const aims = figures.flatMap(({ project, contender }) => aimOf(name, project, contender)?.limit ?? []);
  const most = Math.max(...figures.flatMap(({ samples }) => samples), ...aims, Number.MIN_VALUE);
  const left = margin + labelWidth;
  const scale = (value: number): number => left + (Math.max(0, value) / most) * (width - margin - valueWidth - left);
  const aimed = aims.length === 0 ? '' : `; dashed: wardcc's aim, at ${'atLeast' in measures[name] ? 'least' : 'most'}`;
  const svg = [text(margin, top + 16, title, 'class="title"'), text(margin, top + 33, `${unit}${aimed}`, 'class="unit"')];
  let y = top + titleHeight;
  for (const project of new Set(figures.map((figure) => figure.project))) {
    svg.push(text(margin, y + barHeight - 4, project, 'class="project"'));
    const drawn = bars(name, figures.filter((figure) => figure.project === project), y + barHeight + barGap, scale);
    svg.push(...drawn.svg);
    y += barHeight + barGap + drawn.height + groupGap;
  }
  svg.push(`<path d="M${place(left)} ${place(top + titleHeight)}V${place(y - groupGap)}" class="axis"/>`);
  return { svg, height: y - top };
};

export interface ChartOptions {
  readonly title: string;
  readonly subtitle: string;
  readonly figures: readonly Figure[];
}

/** One SVG document. */
export const toChart = ({ title, subtitle, figures }: ChartOptions): string => {
  const svg = [text(margin, 34, title, 'class="head"'), text(margin, 54, subtitle, 'class="unit"')];
  let y = 74;
  for (const name of Object.keys(measures) as MeasureName[]) {
    const found = figures.filter(({ measure }) => measure === name);
    if (found.length === 0) continue;
    const drawn = panel(name, found, y);
    svg.push(`<g>${drawn.svg.join('')}</g>`);
    y += drawn.height + panelGap;
  }
  const { ink, faint, line, paper, rule } = colours;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${place(y)}" viewBox="0 0 ${width} ${place(y)}" role="img" aria-label="${escape(title)}">`,
    `<style>text{font:12px sans-serif;fill:${ink}}.head{font-size:20px;font-weight:bold}.title{font-size:14px;font-weight:bold}.unit{fill:${faint}}`
    + `.project{font-weight:bold;fill:${faint}}.label{text-anchor:end}.value{fill:${faint};stroke:${paper};stroke-width:3;paint-order:stroke}.range{stroke:${ink};stroke-opacity:.55;fill:none}`
    + `.aim{stroke:${line};stroke-width:1.5;stroke-dasharray:4 3;fill:none}.axis{stroke:${rule};fill:none}</style>`,
    `<rect width="100%" height="100%" fill="${paper}"/>`,
    ...svg,
    '</svg>',
    '',
  ].join('\n');
};
