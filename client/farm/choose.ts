/**
 * Which of the servers that were asked gets the job: who has the result, or is making it already; then home if it offers, else the
 * best offer. Another server's offer waits a moment for home's answer, because home has the job's files. Commit late: the losers
 * are released only when somebody has offered.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { Attempt } from './attempt.ts';

/** How long another server's offer waits for home to say anything. */
const homeGraceMs = 10;

const answered = (attempt: Attempt): boolean => attempt.state !== 'asked';

/** The best that may be taken now. `attempts[0]` is home. */
const best = (attempts: readonly Attempt[], graceOver: boolean): Attempt | undefined => {
  const has = attempts.find(({ state }) => state === 'receiving' || state === 'done') ?? attempts.find(({ state }) => state === 'running');
  if (has !== undefined) return has;
  const home = attempts[0]!;
  if (home.state === 'offered') return home;
  if (!answered(home) && !graceOver) return undefined;
  return attempts.filter(({ state }) => state === 'offered').sort((a, b) => b.offer!.speed - a.offer!.speed)[0];
};

/**
 * Resolves to the attempt to start; the others are released.
 *
 * @param onFull called whenever the job stands in line wherever it was asked
 * @param late makes one more attempt, once its server can be asked; not called when the job has its place by then
 * @throws WardError the first failure when all have failed; the signal's reason when it is aborted
 */
export const choose = (
  first: readonly Attempt[], signal: AbortSignal, onFull: () => void, late?: Promise<() => Attempt | undefined>,
): Promise<Attempt> =>
  new Promise((resolve, reject) => {
    const attempts = [...first];
    let settled = false;
    let graceOver = false;
    let grace: NodeJS.Timeout | undefined;
    const settle = (): void => {
      settled = true;
      clearTimeout(grace);
      signal.removeEventListener('abort', abort);
      for (const attempt of attempts) attempt.onChange = () => {};
    };
    const releaseAll = (except: Attempt | undefined, why: WardError): void => {
      for (const attempt of attempts) if (attempt !== except) attempt.release(why);
    };
    const abort = (): void => {
      settle();
      const cancelled = new WardError('cancelled', 'The job was cancelled.');
      releaseAll(undefined, cancelled);
      reject(cancelled);
    };
    const look = (): void => {
      const chosen = best(attempts, graceOver);
      if (chosen !== undefined) {
        settle();
        releaseAll(chosen, new WardError('cancelled', 'Another server does this job.'));
        resolve(chosen);
      } else if (attempts.every(({ state }) => state === 'failed')) {
        settle();
        reject(attempts[0]!.error);
      } else if (attempts.every(({ state }) => state === 'waiting' || state === 'failed')) {
        onFull();
      } else if (grace === undefined && attempts.some(({ state }) => state === 'offered')) {
        grace = setTimeout(() => {
          graceOver = true;
          look();
        }, homeGraceMs);
      }
    };
    const join = (attempt: Attempt | undefined): void => {
      if (attempt === undefined) return;
      attempts.push(attempt);
      attempt.onChange = look;
      look();
    };
    for (const attempt of attempts) attempt.onChange = look;
    // A server that cannot be asked after all leaves the others as they are.
    late?.then((ask) => settled || join(ask()), () => {});
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    else look();
  });
