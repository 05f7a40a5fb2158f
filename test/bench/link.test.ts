import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { Link, Pace, unlimited, type LinkOptions } from '../../bench/link.ts';

/** A link to a server; the other end of each connection is given to `serve`. */
const linkTo = async (t: ExecutionContext, options: LinkOptions, serve: (socket: Socket) => void): Promise<{ link: Link; open(): Socket }> => {
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const link = await Link.open((server.address() as AddressInfo).port, options);
  t.teardown(async () => {
    await link.close();
    await new Promise((resolve) => void server.close(resolve));
  });
  return { link, open: () => connect({ port: link.port, host: '127.0.0.1', noDelay: true }) };
};

const echo = (socket: Socket): void => void socket.pipe(socket);

test('bytes arrive complete and in order, and the link counts them in each direction', async (t) => {
  const { link, open } = await linkTo(t, { delayMs: 2, bytesPerSecond: 50e6 }, echo);
  await fc.assert(fc.asyncProperty(fc.array(fc.string({ maxLength: 20_000 }), { maxLength: 8 }), async (pieces) => {
    const before = [link.sent, link.received];
    const socket = open();
    for (const piece of pieces) socket.write(piece);
    socket.end();
    t.is(await text(socket), pieces.join(''));
    const length = Buffer.byteLength(pieces.join(''));
    t.deepEqual([link.sent, link.received], [before[0]! + length, before[1]! + length]);
  }), { numRuns: 20 });
});

test('a round trip takes the delay twice', async (t) => {
  const { open } = await linkTo(t, { delayMs: 40, bytesPerSecond: Infinity }, echo);
  const socket = open();
  await new Promise((resolve) => socket.once('connect', resolve));
  const begun = performance.now();
  socket.end('x');
  t.is(await text(socket), 'x');
  t.true(performance.now() - begun >= 80);
});

test('what is more than a burst takes its time, also over several connections at once', async (t) => {
  const { open } = await linkTo(t, { delayMs: 0, bytesPerSecond: 10e6 }, (socket) => void socket.resume().once('end', () => socket.end('done')));
  const begun = performance.now();
  await Promise.all([1, 2].map(async () => {
    const socket = open();
    socket.end(Buffer.alloc(1e6));
    t.is(await text(socket), 'done');
  }));
  t.true(performance.now() - begun >= 190, 'two million bytes at ten million a second');
});

test('bytes leave at the rate of the link, but for one burst after a pause', (t) => {
  const pace = new Pace({ delayMs: 10, bytesPerSecond: 1e6 });
  t.is(pace.send(32 * 1024, 1000), 1010, 'a burst leaves at once');
  t.is(pace.send(1000, 1000), 1011, 'a thousand bytes more take a millisecond');
  t.is(pace.send(1000, 1000), 1012);
  t.is(pace.send(1000, 9000), 9010, 'after a pause there is room for a burst again');
});

test('over any time the bytes that arrived are at most the rate and one burst', (t) => {
  const sends = fc.array(fc.record({ pause: fc.nat(50), bytes: fc.nat(200_000) }), { minLength: 1, maxLength: 50 });
  fc.assert(fc.property(sends, (list) => {
    const pace = new Pace({ delayMs: 5, bytesPerSecond: 1e6 });
    let now = 0;
    let sent = 0;
    let last = 0;
    for (const { pause, bytes } of list) {
      now += pause;
      sent += bytes;
      const at = pace.send(bytes, now);
      t.true(at >= now + 5 && at >= last);
      t.true(sent <= 32 * 1024 + (at - 5) * 1000 + 1e-3);
      last = at;
    }
  }));
});

test('an unlimited link adds nothing', (t) => {
  const pace = new Pace(unlimited);
  t.is(pace.send(1e9, 5), 5);
});

test('when the server breaks off, so does the link', async (t) => {
  const { open } = await linkTo(t, unlimited, (socket) => socket.resetAndDestroy());
  const socket = open().on('error', () => {}).resume();
  await new Promise((resolve) => socket.once('close', resolve));
  t.pass();
});
