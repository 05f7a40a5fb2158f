import test from 'ava';
import fc from 'fast-check';
import { measures, type MeasureName } from '../../bench/measures.ts';
import { toChart } from '../../bench/report/chart.ts';
import type { Figure } from '../../bench/results.ts';
import { median } from '../../bench/statistics.ts';

const figureOf = (measure: MeasureName, project: string, contender: string, samples: readonly number[]): Figure =>
  ({ measure, project, contender, samples, value: median(samples) });

const chartOf = (...figures: Figure[]): string => toChart({ title: 'a run', subtitle: 'on a machine', figures });

const numbersIn = (svg: string, attribute: string): number[] => [...svg.matchAll(new RegExp(` ${attribute}="([^"]*)"`, 'g'))].map(([, number]) => Number(number));

test('the chart has a panel for each measure that was taken, and the value of each contender', (t) => {
  const svg = chartOf(figureOf('cold', 'lua', 'plain gcc', [1]), figureOf('cold', 'lua', 'wardcc, cert', [0.97]), figureOf('tiny', 'tiny', 'distcc', [21]));
  for (const words of ['Nothing cached', 'One tiny job, session open', 'plain gcc', 'wardcc, cert', '0.97', 'distcc', '21.0']) t.true(svg.includes(`>${words}<`), words);
  t.false(svg.includes(measures.linkCold.title));
});

test('bars are as long as their values', (t) => {
  const svg = chartOf(figureOf('coldMs', 'lua', 'a', [10]), figureOf('coldMs', 'lua', 'b', [20]));
  const [short = 0, long = 0] = [...svg.matchAll(/<rect x="[^"]*" y="[^"]*" width="([^"]*)"/g)].map(([, wide]) => Number(wide));
  t.true(Math.abs(long / short - 2) < 0.01, `${short}, ${long}`);
});

test('an aim is drawn where wardcc has one, and a range where there were several turns', (t) => {
  t.false(chartOf(figureOf('coldMs', 'lua', 'wardcc, cert', [10])).includes('class="aim"'));
  t.true(chartOf(figureOf('cold', 'lua', 'wardcc, cert', [1])).includes('class="aim"'));
  t.false(chartOf(figureOf('cold', 'lua', 'distcc', [1])).includes('class="range"'));
  t.true(chartOf(figureOf('cold', 'lua', 'distcc', [1, 2])).includes('class="range"'));
});

test('whatever the figures are, the drawing is well-formed and nothing is outside of it or no number', (t) => {
  const figure = fc.record({
    measure: fc.constantFrom(...Object.keys(measures) as MeasureName[]), project: fc.string(), contender: fc.string(),
    samples: fc.array(fc.double({ min: -1e6, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 4 }),
  });
  fc.assert(fc.property(fc.array(figure, { maxLength: 20 }), (figures) => {
    const svg = chartOf(...figures.map(({ measure, project, contender, samples }) => figureOf(measure, project, contender, samples)));
    const body = svg.replaceAll(/<(\w+)[^<>]*\/>/g, '').replaceAll(/<style>[^<]*<\/style>/g, '');
    const open: string[] = [];
    for (const [, slash, tag] of body.matchAll(/<(\/?)(\w+)[^<>]*>/g)) t.is(slash === '/' ? open.pop() : (open.push(tag!), tag), tag);
    t.deepEqual(open, []);
    for (const attribute of ['x', 'y']) for (const number of numbersIn(svg, attribute)) t.true(number >= 0 && number < 1e5);
    t.true(numbersIn(svg, 'x').every((number) => number <= 900));
    t.false(/NaN|Infinity|undefined/.test(svg.replaceAll(/<text[^>]*>[^<]*<\/text>/g, '')));
  }));
});
