import test from 'ava';
import { LocalSlots } from '../../../client/agent/local-slots.ts';
import { compileOrTakeSlot } from '../../../client/agent/overflow.ts';
import type { CompileOptions, Farm, FarmJob } from '../../../client/farm/farm.ts';
import { WardError } from '../../../protocol/errors.ts';
import type { Stream } from '../../../protocol/channel.ts';
import { answerWith, testFarm, testJob } from '../farm/server.ts';

const never = new AbortController().signal;

test('a job that stands in line everywhere takes a free slot of this machine, and leaves the line', async (t) => {
  const setup = await testFarm(t);
  let left = 0;
  const full = await setup.start({
    job: (stream) => {
      stream.onReset(() => left++);
      stream.send({ type: 'busy', position: 1 });
    },
  });
  const slots = new LocalSlots(1);
  const placed = await compileOrTakeSlot(setup.client([full]), slots, testJob(), never, {});
  t.true('slot' in placed);
  t.is(slots.used, 1);
  while (left === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(left, 1);
});

test('a job that the farm takes takes no local slot', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start();
  const slots = new LocalSlots(1);
  const placed = await compileOrTakeSlot(setup.client([server]), slots, testJob(), never, {});
  t.true('result' in placed);
  t.is(slots.used, 0);
});

test('with no slot free either, whoever is free first gets the job', async (t) => {
  const setup = await testFarm(t);
  const waiting: Stream[] = [];
  const server = await setup.start({
    job: (stream) => {
      waiting.push(stream);
      stream.send({ type: 'busy', position: 1 });
    },
  });
  const slots = new LocalSlots(1);
  const lease = await slots.acquire();
  const placing = compileOrTakeSlot(setup.client([server]), slots, testJob(), never, {});
  while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  answerWith(Buffer.from('object'))(waiting[0]!);
  t.true('result' in (await placing));
  lease.release();
  await new Promise(setImmediate);
  t.is(slots.used, 0);
});

test('a cancelled job leaves both lines', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start({ job: (stream) => stream.send({ type: 'busy', position: 1 }) });
  const slots = new LocalSlots(1);
  await slots.acquire();
  const cancel = new AbortController();
  const placing = compileOrTakeSlot(setup.client([server]), slots, testJob(), cancel.signal, {});
  setTimeout(() => cancel.abort(), 100);
  await t.throwsAsync(placing, { instanceOf: WardError, code: 'cancelled' });
  t.is(slots.waiting, 0);
});

/** A farm that is full and, so many turns later, fails. */
const failing = (turns: number) => ({
  compile: async (_job: FarmJob, _signal: AbortSignal, { onFull }: CompileOptions): Promise<never> => {
    for (let turn = 0; turn < 4; turn++) await Promise.resolve();
    onFull?.();
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    throw new WardError('busy');
  },
}) as unknown as Farm;

for (let turns = 0; turns < 6; turns++) {
  test(`a slot that comes free ${turns} turns before the farm fails is given to the job or given back`, async (t) => {
    const slots = new LocalSlots(1);
    const blocker = await slots.acquire();
    const done = compileOrTakeSlot(failing(turns), slots, {} as FarmJob, new AbortController().signal, {}).then(
      (placed) => ('slot' in placed ? 1 : 0),
      () => 0,
    );
    for (let turn = 0; turn < 4; turn++) await Promise.resolve();
    blocker.release();
    const given = await done;
    await new Promise(setImmediate);
    t.is(slots.used, given);
    t.is(slots.waiting, 0);
  });
}
