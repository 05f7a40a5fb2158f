/**
 * `npm run killrace [-- --runs N --seed S]`. Writes docs/results/killrace.json when it is a whole run.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { killRace } from './kill-race.ts';
import { freshSeed } from './random.ts';
import { writeReport } from './report.ts';

const wholeRun = 500;
const { values } = parseArgs({ options: { runs: { type: 'string', default: String(wholeRun) }, seed: { type: 'string', default: String(freshSeed()) } } });
const seed = Number(values.seed);

process.stdout.write(`seed ${seed}\n`);
const race = await killRace(Number(values.runs), seed);
process.stdout.write(`${race.runs} jobs killed, ${race.finished} were over already, ${race.orphans} orphans, ${race.spoiled} spoiled slots\n`);
if (race.runs >= wholeRun) await writeReport('killrace', { seed, ...race });
if (race.orphans > 0 || race.spoiled > 0) process.exitCode = 1;
