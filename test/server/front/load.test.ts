import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type { ServerNotice } from '../../../protocol/messages.ts';
import { LoadHints, loadOf } from '../../../server/front/load.ts';
import type { Session } from '../../../server/front/session.ts';

test('a place beyond the slots is one that waits', (t) => {
  t.deepEqual(loadOf(4, { taken: 1, waiting: 0 }), { free: 3, waiting: 0 });
  t.deepEqual(loadOf(4, { taken: 6, waiting: 5 }), { free: 0, waiting: 7 });
});

const recording = () => {
  const heard: ServerNotice[] = [];
  let end = (): void => {};
  const session = { channel: { notify: (notice: ServerNotice) => heard.push(notice) }, whenEnded: (callback: () => void) => { end = callback; } };
  return { heard, end: () => end(), session: session as unknown as Session };
};

test('that there is room again is said to who had jobs lately, and ten times a second at most', async (t) => {
  let free = 1;
  let now = 0;
  const hints = new LoadHints(() => ({ free, waiting: 0 }), () => now);
  const [active, stranger, gone] = [recording(), recording(), recording()];
  hints.began(active.session);
  hints.began(gone.session);
  gone.end();
  hints.changed();
  t.is(active.heard.length, 0, 'there was room all the time');
  const fill = (): void => {
    free = 0;
    hints.changed();
    free = 1;
    hints.changed();
  };
  for (let again = 0; again < 50; again++) fill();
  t.deepEqual(active.heard, [{ type: 'notice', event: 'load', free: 1, waiting: 0 }]);
  now = 50;
  for (let again = 0; again < 50; again++) fill();
  t.is(active.heard.length, 1);
  await delay(120);
  t.is(active.heard.length, 2);
  t.deepEqual([stranger.heard, gone.heard], [[], []]);
  now = 20_000;
  fill();
  t.is(active.heard.length, 2, 'who has been idle for long is not told');
});
