/**
 * Which of the servers that were asked gets the job: who has the result, or is making it already; then home, if the job would run there
 * at once; then the fastest where it would. Others wait a moment for whoever has not answered, because home has the job's files.
 * Where it would stand behind others, servers that are known to have room are asked first. Commit late: the losers are released
 * only when one is chosen.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { Attempt } from './attempt.ts';

/** How long an offer waits for who has not answered. */
const graceMs = 10;
/** The same, for a server that is said to have the result. */
const pointedMs = 100;

/** More servers, as far as there are any. */
export interface Choosing {
  /** Called whenever the job stands in line wherever it was asked. `ask` is to be called with a server that has room again. */
  onFull(join: (attempt: Attempt | undefined) => void): void;
  /** Asks another server that is known to have room. */
  more(): Attempt | undefined;
  /** Asks the server of this name, if it was not asked yet. */
  named(server: string): Attempt | undefined;
  /** Makes one more attempt, once its server can be asked; not called when the job has its place by then. */
  readonly late?: Promise<() => Attempt | undefined> | undefined;
}

const isOffer = ({ state }: Attempt): boolean => state === 'offered';
const queueOf = ({ offer }: Attempt): number => offer?.load?.waiting ?? 0;
const isPending = (attempt: Attempt | undefined): boolean => attempt?.state === 'asked';
const byOffer = (a: Attempt, b: Attempt): number => queueOf(a) / a.offer!.speed - queueOf(b) / b.offer!.speed || b.offer!.speed - a.offer!.speed;

/** Who has the result, or will have it without more work. */
const havingResult = (attempts: readonly Attempt[]): Attempt | undefined =>
  attempts.find(({ state }) => state === 'receiving' || state === 'done') ?? attempts.find(({ state }) => state === 'running');

/** Of the offers, the best; home wins where it is as good as any other. */
const bestOffer = (attempts: readonly Attempt[]): Attempt | undefined => {
  const [home] = attempts;
  if (home !== undefined && isOffer(home) && queueOf(home) === 0) return home;
  return attempts.filter(isOffer).sort(byOffer)[0];
};

/**
 * Resolves to the attempt to start; the others are released. `first[0]` is home.
 *
 * @throws WardError the first failure when all have failed; the signal's reason when it is aborted
 */
export const choose = (first: readonly Attempt[], signal: AbortSignal, choosing: Choosing): Promise<Attempt> =>
  new Promise((resolve, reject) => {
    const attempts = [...first];
    const followed = new Set<string>();
    let pointed: Attempt | undefined;
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
    const take = (chosen: Attempt): void => {
      settle();
      releaseAll(chosen, new WardError('cancelled', 'Another server does this job.'));
      resolve(chosen);
    };
    const wait = (): void => {
      grace ??= setTimeout(() => {
        graceOver = true;
        look();
      }, pointed === undefined ? graceMs : pointedMs);
    };
    const join = (attempt: Attempt | undefined): boolean => {
      if (attempt === undefined || settled) return false;
      attempts.push(attempt);
      attempt.onChange = look;
      clearTimeout(grace);
      grace = undefined;
      graceOver = false;
      return true;
    };
    const follow = (): void => {
      for (const { elsewhere } of [...attempts]) {
        if (elsewhere === undefined || followed.has(elsewhere)) continue;
        followed.add(elsewhere);
        pointed = attempts.find(({ serverName }) => serverName === elsewhere) ?? choosing.named(elsewhere);
        if (pointed !== undefined && !attempts.includes(pointed)) join(pointed);
      }
    };
    const look = (): void => {
      if (settled) return;
      follow();
      const has = havingResult(attempts);
      if (has !== undefined) return take(has);
      const offer = bestOffer(attempts);
      if (offer === undefined) {
        if (attempts.every(({ state }) => state === 'failed')) {
          settle();
          reject(attempts[0]!.error);
        } else if (!attempts.some(isPending) && !join(choosing.more())) {
          choosing.onFull((attempt) => void (join(attempt) && look()));
        }
        return;
      }
      const isIdle = queueOf(offer) === 0;
      const isHome = isIdle && offer === attempts[0];
      if (!graceOver && (isPending(pointed) || (!isHome && attempts.some(isPending)))) return wait();
      if (isIdle || !join(choosing.more())) take(offer);
    };
    for (const attempt of attempts) attempt.onChange = look;
    // A server that cannot be asked after all leaves the others as they are.
    choosing.late?.then((ask) => void (!settled && join(ask()) && look()), () => {});
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    else look();
  });
