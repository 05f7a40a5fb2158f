import test from 'ava';
import fc from 'fast-check';
import { median, paired, spread } from '../../bench/statistics.ts';

const samples = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 50 });

test('the median has as many samples below it as above it, and the order of the samples does not matter', (t) => {
  fc.assert(fc.property(samples, (values) => {
    const middle = median(values);
    t.true(values.filter((value) => value < middle).length <= values.length / 2);
    t.true(values.filter((value) => value > middle).length <= values.length / 2);
    t.is(median([...values].reverse()), middle);
  }));
  t.pass();
});

test('the median of two samples is half way between them, and one sample is its own', (t) => {
  t.is(median([1, 4]), 2.5);
  t.is(median([7]), 7);
});

test('of no samples there is no median', (t) => {
  t.throws(() => median([]), { instanceOf: RangeError, message: 'there is no median of nothing' });
});

test('the spread is from the smallest to the largest', (t) => {
  t.deepEqual(spread([3, 1, 2]), [1, 3]);
});

test('samples of the same turns are compared turn by turn', (t) => {
  t.deepEqual(paired([2, 9], [1, 3], (a, b) => a / b), [2, 3]);
  t.throws(() => paired([1], [1, 2], Math.max), { instanceOf: RangeError, message: '1 samples cannot be compared in pairs with 2' });
});
