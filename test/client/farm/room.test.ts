import test from 'ava';
import { Room } from '../../../client/farm/room.ts';

test('room is what the server said, less our jobs that came since, and more for those that went', (t) => {
  const room = new Room(() => 0);
  t.is(room.free(8), 8);
  const first = room.hold();
  t.is(room.free(8), 7);
  room.heard({ free: 3, waiting: 0 });
  t.is(room.free(8), 3);
  const second = room.hold();
  t.is(room.free(8), 2);
  first();
  first();
  second();
  t.is(room.free(8), 4);
  room.heard(undefined);
  t.is(room.free(8), 4);
});

test('what was said long ago counts no more, and only room wakes anybody', (t) => {
  let now = 0;
  let woken = 0;
  const room = new Room(() => now);
  room.onMore = () => void (woken += 1);
  room.heard({ free: 0, waiting: 9 });
  t.is(room.free(8), 0);
  t.is(woken, 0);
  room.heard({ free: 1, waiting: 0 });
  t.is(woken, 1);
  now = 11_000;
  t.is(room.free(8), 8);
});
