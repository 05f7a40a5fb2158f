/**
 * The bench itself, at its smallest, so that it works when somebody wants to know something.
 *
 * @module
 */
import { chmod, readFile, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import test from 'ava';
import type { Report } from '../../bench/report/report.ts';
import { cleanEnvironment } from '../fixtures/farm.ts';
import { run } from '../../setup/demo/run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const main = resolve(import.meta.dirname, '../../bench/main.ts');

const bench = (temporary: string, ...options: string[]): ReturnType<typeof run> =>
  run([process.execPath, main, ...options], { env: { ...cleanEnvironment(), TMPDIR: temporary } });

test('the bench measures a tiny job with everybody who can run here, says who cannot, and writes table, JSON and chart', async (t) => {
  const directory = await temporaryDirectory(t);
  // When root runs this, servers of other accounts have places below it.
  await chmod(directory, 0o711);
  const out = join(directory, 'results');
  const { status, stdout, stderr } = await bench(directory, '--only', 'tiny', '--rounds', '1', '--out', out);
  t.is(status, 0, stderr);
  const names = (await readdir(out)).sort();
  t.deepEqual(names.map((name) => name.replace(/[0-9]{4}-[0-9]{2}-[0-9]{2}/, 'DATE')), ['bench-DATE.json', 'bench-DATE.md', 'bench-DATE.svg']);
  const [json = '', table = '', chart = ''] = await Promise.all(names.map((name) => readFile(join(out, name), 'utf8')));
  const { finished, rounds, machine, figures, absences } = JSON.parse(json) as Report;
  t.like({ finished, rounds }, { finished: true, rounds: 1 });
  t.regex(String(machine['commit']), /^[0-9a-f]{12}|not installed/);
  const measured = figures.filter(({ measure }) => measure === 'tiny').map(({ contender }) => contender);
  const absent = new Map(absences.map(({ contender, why }) => [contender, why]));
  for (const contender of ['plain gcc', '/bin/true', 'distcc', 'distcc + GSS-API', 'wardcc, cert', 'wardcc, krb5', 'wardcc, ssh']) {
    t.true(measured.includes(contender), `${contender}: ${JSON.stringify([...absent])}`);
  }
  t.true(measured.includes('icecc') || (absent.get('icecc') ?? '') !== '');
  t.true(figures.every(({ samples }) => samples.length === 1 && Number.isFinite(samples[0])));
  t.is(stdout, table);
  t.true(table.includes('| One tiny job, session open | tiny | wardcc, krb5 |'));
  t.true(chart.startsWith('<svg') && chart.includes('wardcc, ssh'));
  t.deepEqual((await readdir(directory)).sort(), ['results']);
});

test('a part that there is not is refused with the names of those that there are', async (t) => {
  const { status, stderr } = await bench(await temporaryDirectory(t), '--only', 'tiny,lau');
  t.is(status, 1);
  t.regex(stderr, /^bench: --only lau: the parts are tiny, lua, /);
});

test('a number of turns that is no number is refused', async (t) => {
  const { status, stderr } = await bench(await temporaryDirectory(t), '--rounds', 'many');
  t.is(status, 1);
  t.regex(stderr, /^bench: --rounds many: a whole number from 1 to 999 is expected/);
});
