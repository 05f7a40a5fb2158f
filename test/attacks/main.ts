/**
 * `npm run attacks [-- NAME…]`: every attack in every way, as a table, and as JSON in docs/results/. Names choose those that begin
 * so; then nothing is written.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attacks, casesOf } from './rows/index.ts';
import { Ways, type Report } from './ways.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const chosen = process.argv.slice(2);
const cases = casesOf(attacks).filter(({ name }) => chosen.length === 0 || chosen.some((start) => name.startsWith(start)));

const line = ({ name, shipped, sandbox, check, failures }: Report): string =>
  [
    name.padEnd(48), shipped.padEnd(18), sandbox.padEnd(18), check.padEnd(16),
    failures.length === 0 ? 'held' : ['FAILED', ...failures].join('\n    '),
  ].join(' ');

const firstLine = (command: string): string => execFileSync(command, ['--version'], { encoding: 'utf8' }).split('\n', 1)[0]!;

const commit = (): string => {
  try {
    return execFileSync('git', ['-C', root, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
};

const started = new Date();
const ways = await Ways.open();
const reports: Report[] = [];
let aftermath: string[] = [];
try {
  process.stdout.write(`${'attack'.padEnd(48)} ${'as shipped'.padEnd(18)} ${'sandbox alone'.padEnd(18)} ${'check alone'.padEnd(16)}\n`);
  for (const one of cases) {
    const report = await ways.try(one);
    reports.push(report);
    process.stdout.write(`${line(report)}\n`);
  }
  aftermath = await ways.aftermath();
} finally {
  await ways.close();
}
const failed = reports.filter(({ failures }) => failures.length > 0).length;
for (const failure of aftermath) process.stdout.write(`afterwards: ${failure}\n`);
const tried = new Set(cases.map(({ attack }) => attack)).size;
process.stdout.write(`${reports.length} cases of ${tried} attacks, ${failed} not held; afterwards ${aftermath.length} complaints\n`);
if (chosen.length === 0) {
  const directory = join(root, 'docs/results');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `attacks-${started.toISOString().slice(0, 19).replaceAll(':', '')}Z.json`);
  const machine = { kernel: release(), arch: arch(), compilers: ['gcc', 'clang'].map(firstLine) };
  const result = {
    commit: commit(), started: started.toISOString(), seconds: Math.round((Date.now() - started.getTime()) / 1000), machine,
    cases: reports.length, failed, aftermath, reports,
  };
  writeFileSync(file, `${JSON.stringify(result, undefined, 1)}\n`);
  process.stdout.write(`${file}\n`);
}
process.exitCode = failed + aftermath.length === 0 ? 0 : 1;
