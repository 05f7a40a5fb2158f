import test from 'ava';
import { Speed } from '../../../server/front/speed.ts';

const usage = (cpuMs: number, wallMs = cpuMs) => ({ wallMs, userMs: cpuMs * 0.75, systemMs: cpuMs * 0.25, maxRssKb: 1 });

test('a server is as fast as it compiled the canary of the compiler, against a plain core', (t) => {
  const speed = new Speed();
  speed.calibrate('slow', [usage(60), usage(20)]);
  speed.calibrate('fast', [usage(20)]);
  t.deepEqual([speed.of('slow'), speed.of('fast'), speed.of('unknown')], [0.5, 2, 1]);
});

test('a server whose jobs do not get their core says less, and more again when they do', (t) => {
  const speed = new Speed();
  for (let job = 0; job < 100; job++) speed.ran(usage(100, 400));
  t.true(speed.of('any') < 0.3);
  for (let job = 0; job < 100; job++) speed.ran(usage(400, 100));
  t.true(speed.of('any') > 0.95 && speed.of('any') <= 1);
});

test('what an offer says stays within bounds, and very short jobs say nothing', (t) => {
  const speed = new Speed();
  speed.calibrate('odd', [usage(0.0001)]);
  speed.calibrate('none', [usage(0)]);
  for (let job = 0; job < 100; job++) speed.ran(usage(1, 19));
  t.deepEqual([speed.of('odd'), speed.of('none')], [100, 1]);
});
