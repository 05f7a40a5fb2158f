/**
 * `npm run bench`: wardcc beside plain gcc and the other tools, in one run on one machine. Contenders take turns, so that whatever
 * else the machine does meets all of them.
 *
 *     npm run bench -- [--only PART,…] [--rounds N] [--jobs N] [--out DIR]
 *
 * @module
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contenders } from './contenders/index.ts';
import { chooseParts, parts } from './parts/index.ts';
import { machineFacts } from './report/machine.ts';
import { writeReport, type Report } from './report/report.ts';
import { toTable } from './report/table.ts';
import { Results } from './results.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(parts).join(',') },
    rounds: { type: 'string', default: '3' },
    jobs: { type: 'string', default: '4' },
    out: { type: 'string', default: fileURLToPath(new URL('../docs/results', import.meta.url)) },
  },
});

const say = (text: string): void => {
  process.stderr.write(`bench: ${text}\n`);
};

const whole = (name: string, text: string): number => {
  if (!/^[1-9][0-9]{0,2}$/.test(text)) throw new Error(`--${name} ${text}: a whole number from 1 to 999 is expected`);
  return Number(text);
};

const main = async (): Promise<void> => {
  const chosen = chooseParts(values.only);
  const settings = { rounds: whole('rounds', values.rounds), jobs: whole('jobs', values.jobs) };
  const place = await mkdtemp(join(tmpdir(), 'wardcc bench '));
  // Servers of other accounts have places below it.
  await chmod(place, 0o711);
  const contenders = new Contenders({ place, jobs: settings.jobs });
  const facts = { date: new Date().toISOString(), machine: await machineFacts(), ...settings };
  let isolation = 'no farm';
  const report = (finished: boolean): Report => ({ ...facts, isolation, finished, figures: results.figures, absences: results.absences });
  const results = new Results(() => writeReport(values.out, report(false)));
  // An interrupted run takes its farms along, and leaves what it has measured.
  let interrupted = false;
  const interrupt = (): void => {
    if (interrupted) process.exit(130);
    interrupted = true;
    say('ending what was started; once more to leave at once');
    void contenders.end().then(() => rm(place, { recursive: true, force: true })).finally(() => process.exit(130));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    for (const name of chosen) {
      say(name);
      try {
        await parts[name]({ ...settings, place, contenders, results, say });
      } catch (thrown) {
        results.absent(name, 'all', thrown);
        process.exitCode = 1;
      }
      isolation = await contenders.isolation() ?? isolation;
    }
    writeReport(values.out, report(true));
    process.stdout.write(toTable(report(true)));
  } finally {
    await contenders.end();
    await rm(place, { recursive: true, force: true });
  }
};

await main().catch((thrown: unknown) => {
  say(thrown instanceof Error ? thrown.message : String(thrown));
  process.exitCode = 1;
});
