/**
 * Jobs that are killed within milliseconds of their start, when a sandbox is half made. Nothing of them may be left, and the slot
 * takes the next job.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { WardError } from '../../protocol/errors.ts';
import { Lab } from '../fixtures/executor.ts';
import { randomOf } from './random.ts';

/** A kill comes at most so long after the job was given to its executor. */
const latestMs = 10;
/** What was killed is gone by then. */
const goneMs = 2_000;

export interface KillRace {
  readonly runs: number;
  /** Runs whose job was already over when the kill came. */
  readonly finished: number;
  /** Processes that were still there, over all runs. */
  readonly orphans: number;
  /** Runs after which the slot did not compile as before. */
  readonly spoiled: number;
}

const gcc = '/usr/bin/gcc';
const source = { content: 'int f(int x) { return x * x; }\n' };

const compile = async (lab: Lab, job: string): Promise<boolean> => {
  const done = await lab.run({ job, argv: [gcc, '-O2', '-c', 'a.c'], cwd: '/home/race', inputs: { '/home/race/a.c': source }, outputs: ['/home/race/a.o'] });
  return done.verdict === undefined && done.status.code === 0 && done.outputs.length === 1;
};

/** Runs the race; the same seed gives the same delays. */
export async function killRace(runs: number, seed: number): Promise<KillRace> {
  const random = randomOf(seed);
  const lab = await Lab.open({ compilers: [gcc] });
  let finished = 0;
  let orphans = 0;
  let spoiled = 0;
  try {
    for (let run = 0; run < runs; run++) {
      const job = `race-${run}`;
      const running = compile(lab, job).catch((error: unknown) => {
        // An executor that gives its slot up is an answer too: the supervisor would start another one.
        if (error instanceof WardError) return false;
        throw error;
      });
      await pause(random() * latestMs);
      lab.kill(job);
      if (await running) finished++;
      for (let waited = 0; waited < goneMs && lab.room.jobProcesses().length > 0; waited += 5) await pause(5);
      orphans += lab.room.jobProcesses().length;
      if (run % 10 === 9 && !(await compile(lab, `after-${run}`))) spoiled++;
    }
  } finally {
    await lab.close();
  }
  return { runs, finished, orphans, spoiled };
}
