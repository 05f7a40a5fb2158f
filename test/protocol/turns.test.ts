import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { Turns } from '../../protocol/turns.ts';

const busy = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

/** So many pieces of a millisecond each. */
const pieces = (count: number) => {
  const flow = { paused: false, pauses: 0, pause() { this.paused = true; this.pauses += 1; }, resume() { this.paused = false; } };
  const state = { left: count, flow };
  const turns = new Turns(() => {
    if (state.left === 0) return false;
    state.left -= 1;
    busy(1);
    return true;
  }, flow);
  return { state, turns, flow };
};

test('what is soon done is done at once, and nothing is held up', (t) => {
  // On a busy machine even one piece may take longer than a turn; of twenty some do not.
  let soonDone = 0;
  for (let attempt = 0; attempt < 20; attempt++) {
    const { state, turns, flow } = pieces(1);
    const begun = performance.now();
    turns.begin();
    const tookMs = performance.now() - begun;
    t.is(state.left, 0);
    if (tookMs >= 2) continue;
    t.is(flow.pauses, 0);
    soonDone += 1;
  }
  t.true(soonDone > 0);
});

test('more than fits in a turn goes on in later ones; until then no more is read, and everybody else has a turn between', async (t) => {
  const { state, turns, flow } = pieces(20);
  turns.begin();
  t.true(state.left >= 17);
  t.true(flow.paused);
  let between = 0;
  while (state.left > 0 && between < 100) {
    const before = state.left;
    await nextTurn();
    between += 1;
    t.true(before - state.left <= 4);
  }
  await nextTurn();
  t.true(between >= 5);
  t.false(flow.paused);
});

test('what comes while work is under way waits for its turn, in order', async (t) => {
  const { state, turns } = pieces(10);
  turns.begin();
  const before = state.left;
  turns.begin();
  t.is(state.left, before);
  while (state.left > 0) await nextTurn();
  t.pass();
});

test('when the peer is gone all that it sent is done at once', async (t) => {
  const { state, turns } = pieces(10);
  turns.begin();
  turns.finish();
  t.is(state.left, 0);
  await nextTurn();
  state.left = 1;
  turns.begin();
  t.is(state.left, 0);
});
