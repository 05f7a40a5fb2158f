/**
 * Executors that die, jobs that are given up and compilers that wait for their turn, at any moment: each run ends, and afterwards every
 * executor and every turn is free.
 *
 * @module
 */
import { setImmediate as tick, setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { WardError } from '../../../protocol/errors.ts';
import { ExecutorPool } from '../../../server/front/executor-pool.ts';
import type { IpcPeer } from '../../../server/ipc/peer.ts';
import type { ExecutorJob, Outcome } from '../../../server/jobs/services.ts';
import type { Store } from '../../../server/store/store.ts';

interface Run {
  readonly layMs: number;
  readonly compileMs: number;
  readonly collectMs: number;
  /** Milliseconds after which it is given up; -1: in the tick in which it begins. */
  readonly givenUp: number | undefined;
  readonly ends: 'well' | 'fails';
}

const pause = async (ms: number): Promise<void> => (ms === 0 ? undefined : ms === 1 ? void (await tick()) : void (await delay(ms)));

/** One executor, as `server/executor/main.ts` behaves. */
class FakeExecutor {
  readonly peer: IpcPeer;
  readonly #closed = Promise.withResolvers<void>();
  readonly #dead = Promise.withResolvers<never>();
  #onNotify: (json: object) => void = () => {};
  #go: (() => void) | undefined;
  #kill: ((error: WardError) => void) | undefined;
  #current: string | undefined;

  constructor(resultRoot: string, slot: number) {
    this.#dead.promise.catch(() => {});
    this.peer = {
      closed: this.#closed.promise,
      onNotify: (handler: (json: object) => void) => (this.#onNotify = handler),
      notify: ({ type, job }: { type: string; job: string }) => void tick().then(() => {
        if (job !== this.#current) return;
        if (type === 'go') this.#go?.();
        else this.#kill?.(new WardError('cancelled'));
      }),
      request: (json: { job: string; waits: boolean; argv: Run[] }) => Promise.race([this.#run(json, `${resultRoot}/${slot}/${json.job}`), this.#dead.promise]),
    } as unknown as IpcPeer;
  }

  die(): void {
    this.#dead.reject(new WardError('session-lost', 'The executor process ended before it answered.'));
    this.#closed.resolve();
  }

  async #run({ job, waits, argv: [run] }: { job: string; waits: boolean; argv: Run[] }, prefix: string): Promise<{ json: object }> {
    await tick();
    if (this.#current !== undefined) throw new WardError('internal', 'The slot has a job already.');
    this.#current = job;
    const { promise: go, resolve } = Promise.withResolvers<void>();
    this.#go = resolve;
    if (!waits) resolve();
    const { promise: killed, reject } = Promise.withResolvers<never>();
    this.#kill = reject;
    killed.catch(() => {});
    try {
      const { layMs, compileMs, collectMs, ends } = run!;
      await pause(layMs);
      await Promise.race([go, killed]);
      await Promise.race([pause(compileMs), killed]);
      this.#onNotify({ type: 'compiled', job });
      await pause(collectMs);
      if (ends === 'fails') throw new WardError('sandbox-failed', 'It could not be run.');
      const printed = (name: string): object => ({ path: `${prefix}-${name}`, size: 0 });
      return { json: { status: { code: 0, signal: 0 }, usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1 }, stdout: printed('stdout'), stderr: printed('stderr'), outputs: [] } };
    } finally {
      this.#current = undefined;
    }
  }
}

const store = { directoryOf: () => '/store', forget: () => {} } as unknown as Store;
const jobOf = (run: Run): ExecutorJob => ({
  probe: { argv: [run], env: {}, cwd: '/', umask: 0, outputs: [] }, decision: { limits: {}, domain: 'd' }, toolchain: { root: '/', includeDirs: [] }, tree: Buffer.alloc(0),
} as unknown as ExecutorJob);

const times = fc.constantFrom(0, 0, 1, 1, 2, 4);
const runs: fc.Arbitrary<Run> = fc.record({
  layMs: times, compileMs: times, collectMs: times, givenUp: fc.option(fc.constantFrom(-1, 0, 1, 2, 3, 5), { nil: undefined, freq: 2 }), ends: fc.constantFrom('well', 'well', 'fails'),
});
const quick: Run = { layMs: 0, compileMs: 1, collectMs: 0, givenUp: undefined, ends: 'well' };

test('every run ends, and every executor and every turn is free afterwards', async (t) => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.tuple(times, runs), { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }),
    fc.uniqueArray(fc.record({ slot: fc.nat(2), ms: fc.constantFrom(0, 1, 2, 4, 8), backMs: fc.constantFrom(0, 1, 3) }), { maxLength: 3, selector: ({ slot }) => slot }),
    async (all, executors, compilers, deaths) => {
      const pool = new ExecutorPool({ executors, compilers }, store, '/results');
      const slots = Array.from({ length: executors }, (_, number) => new FakeExecutor('/results', number));
      slots.forEach(({ peer }, number) => pool.add(number, peer));
      const run = async (one: Run, principal: string): Promise<Outcome | WardError> => {
        const ending = new AbortController();
        const giveUp = (): void => ending.abort(new WardError('cancelled', 'It was given up.'));
        const done = pool.run(jobOf(one), { principal, weight: 1 }, ending.signal).catch((error: WardError) => error);
        if (one.givenUp === -1) queueMicrotask(giveUp);
        else if (one.givenUp !== undefined) setTimeout(giveUp, one.givenUp);
        const late = delay(5000).then((): never => {
          throw new Error('a run hangs');
        });
        late.catch(() => {});
        return Promise.race([done, late]);
      };
      const dying = deaths.filter(({ slot }) => slot < executors).map(async ({ slot, ms, backMs }) => {
        await pause(ms);
        slots[slot]!.die();
        await pause(backMs);
        const successor = new FakeExecutor('/results', slot);
        slots[slot] = successor;
        pool.add(slot, successor.peer);
      });
      const outcomes = await Promise.all(all.map(async ([after, one], index) => {
        await pause(after);
        return run(one, `cert:${index % 3}`);
      }));
      t.true(outcomes.every((outcome) => !(outcome instanceof WardError) || ['cancelled', 'sandbox-failed'].includes(outcome.code)));
      await Promise.all(dying);
      await tick();
      t.is(pool.running, 0);
      t.is(pool.connected, executors);
      const last = await Promise.all(Array.from({ length: 2 * executors }, () => run(quick, 'cert:last')));
      t.deepEqual(last.map((outcome) => (outcome instanceof WardError ? outcome.message : outcome.status.code)), last.map(() => 0));
    },
  ), { numRuns: 150, interruptAfterTimeLimit: 60_000 });
  t.pass();
});
