import test from 'ava';
import fc from 'fast-check';
import { LocalSlots, type SlotLease } from '../../../client/agent/local-slots.ts';
import { WardError } from '../../../protocol/errors.ts';

test('never more leases than slots, whatever the order of events', async (t) => {
  const history = fc.array(fc.constantFrom('acquire', 'release', 'cancel'), { maxLength: 60 });
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), history, async (total, events) => {
    const slots = new LocalSlots(total);
    const held: SlotLease[] = [];
    const waiting: AbortController[] = [];
    for (const event of events) {
      if (event === 'acquire') {
        const controller = new AbortController();
        waiting.push(controller);
        void slots.acquire(controller.signal).then((lease) => held.push(lease), () => undefined);
      } else if (event === 'release') {
        held.pop()?.release();
      } else {
        waiting.pop()?.abort();
      }
      await Promise.resolve();
      t.true(slots.used <= total);
      t.true(slots.waiting === 0 || slots.used === total);
    }
  }), { numRuns: 50 });
});

test('who wants only a slot that nobody else does waits for all who need one', async (t) => {
  const slots = new LocalSlots(1);
  const first = await slots.acquire();
  const served: string[] = [];
  const take = async (name: string, waiting: Promise<SlotLease>): Promise<void> => {
    const lease = await waiting;
    served.push(name);
    lease.release();
  };
  const leaving = new AbortController();
  const left = slots.acquireIdle(leaving.signal);
  const all = [take('patient', slots.acquireIdle()), take('one', slots.acquire()), take('two', slots.acquire())];
  leaving.abort();
  await t.throwsAsync(left, { instanceOf: WardError, code: 'cancelled' });
  first.release();
  await Promise.all(all);
  t.deepEqual(served, ['one', 'two', 'patient']);
  (await slots.acquireIdle()).release();
});

test('waiters are served in order', async (t) => {
  const slots = new LocalSlots(1);
  const first = await slots.acquire();
  const served: number[] = [];
  const others = [1, 2, 3].map(async (number) => {
    const lease = await slots.acquire();
    served.push(number);
    lease.release();
  });
  t.is(slots.tryAcquire(), undefined);
  first.release();
  await Promise.all(others);
  t.deepEqual(served, [1, 2, 3]);
});

test('a waiter whose job was cancelled leaves the line with cancelled', async (t) => {
  const slots = new LocalSlots(1);
  const lease = await slots.acquire();
  const controller = new AbortController();
  const waiter = slots.acquire(controller.signal);
  controller.abort();
  await t.throwsAsync(waiter, { instanceOf: WardError, code: 'cancelled', message: 'The job was cancelled.' });
  await t.throwsAsync(slots.acquire(AbortSignal.abort()), { code: 'cancelled' });
  lease.release();
  lease.release();
  t.is(slots.used, 0);
});

test('probes run outside the limit', async (t) => {
  const slots = new LocalSlots(1);
  await slots.acquire();
  const probe = slots.unlimited();
  t.is(slots.used, 2);
  probe.release();
  probe.release();
  t.is(slots.used, 1);
});
