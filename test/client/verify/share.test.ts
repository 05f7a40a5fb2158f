import test from 'ava';
import { isDrawn, parseShare } from '../../../client/verify/share.ts';

test('a share is a percentage and nothing else', (t) => {
  for (const [text, share] of [['0%', 0], ['1%', 0.01], ['0.5%', 0.005], ['99.9999%', 0.999999], ['100%', 1]] as const) t.is(parseShare(text), share);
  for (const text of ['', '1', '%', '-1%', '101%', '100.5%', '1 %', '1e1%', '1%\n', '0x1%']) t.is(parseShare(text), undefined, text);
});

test('of none no job is drawn, of all each, of a part about that part', (t) => {
  const drawn = (share: number): number => Array.from({ length: 5000 }, () => isDrawn(share)).filter(Boolean).length;
  t.is(drawn(0), 0);
  t.is(drawn(1), 5000);
  const part = drawn(0.1);
  t.true(part > 350 && part < 650, `${part} of 5000`);
});
