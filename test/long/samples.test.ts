import test from 'ava';
import { flatness, type Sample } from './samples.ts';

const run = (residentMb: (at: number) => number, descriptors: (at: number) => number = () => 20): Sample[] =>
  Array.from({ length: 40 }, (_, at) => ({ at, processes: [{ process: 'front', residentMb: residentMb(at), descriptors: descriptors(at) }] }));

test('memory that settles is flat, however it began', (t) => {
  t.true(flatness(run((at) => (at < 10 ? 40 + 6 * at : 100)))[0]?.flat);
});

test('memory that grows by more than a twentieth from the second quarter to the last is not', (t) => {
  t.false(flatness(run((at) => 100 + at))[0]?.flat);
});

test('descriptors that leak are not flat', (t) => {
  t.false(flatness(run(() => 100, (at) => 20 + at))[0]?.flat);
});
