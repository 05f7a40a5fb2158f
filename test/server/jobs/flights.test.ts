import test from 'ava';
import { Flights } from '../../../server/jobs/flights.ts';

/** Work that ends when the test says so. */
const work = () => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let signal: AbortSignal | undefined;
  let started = 0;
  return {
    run: (given: AbortSignal): Promise<string> => {
      started++;
      signal = given;
      given.addEventListener('abort', () => reject(given.reason));
      return promise;
    },
    resolve,
    get signal() {
      return signal;
    },
    get started() {
      return started;
    },
  };
};

test('two equal jobs at the same time cost one compile', async (t) => {
  const flights = new Flights<string>(() => {});
  const compile = work();
  const first = flights.board('a', compile.run);
  const second = flights.board('a', compile.run);
  compile.resolve('object');
  t.deepEqual(await Promise.all([first.result, second.result]), ['object', 'object']);
  t.is(compile.started, 1);
});

test('the compile survives the one who began it', async (t) => {
  const flights = new Flights<string>(() => {});
  const compile = work();
  const first = flights.board('a', compile.run);
  const second = flights.board('a', compile.run);
  first.leave();
  t.false(compile.signal?.aborted);
  compile.resolve('object');
  t.is(await second.result, 'object');
});

test('the compile dies when nobody is left who waits for it', async (t) => {
  const flights = new Flights<string>(() => {});
  const compile = work();
  const first = flights.board('a', compile.run);
  const second = flights.board('a', compile.run);
  first.leave();
  first.leave();
  t.false(compile.signal?.aborted);
  second.leave();
  t.true(compile.signal?.aborted);
  await t.throwsAsync(second.result);
  t.false(flights.has('a'));
});

test('a result is disposed of once, when the last one has taken it', async (t) => {
  const disposed: string[] = [];
  const flights = new Flights<string>((result) => disposed.push(result));
  const compile = work();
  const first = flights.board('a', compile.run);
  const second = flights.board('a', compile.run);
  compile.resolve('object');
  await first.result;
  first.leave();
  await new Promise(setImmediate);
  t.deepEqual(disposed, []);
  second.leave();
  await new Promise(setImmediate);
  t.deepEqual(disposed, ['object']);
});

test('a job that comes after the result is a job of its own', async (t) => {
  const flights = new Flights<string>(() => {});
  const compile = work();
  const first = flights.board('a', compile.run);
  compile.resolve('object');
  await first.result;
  t.false(flights.has('a'));
});
