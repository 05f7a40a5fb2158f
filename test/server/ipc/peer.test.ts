import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { acceptChild, ChildTokens, connectAsChild } from '../../../server/ipc/child.ts';
import { IpcPeer } from '../../../server/ipc/peer.ts';

/** A unix socket in a directory of its own, and both ends of each connection to it. */
const listen = async (t: { teardown(fn: () => unknown): void }) => {
  const directory = await mkdtemp(join(tmpdir(), 'wardcc ipc-'));
  const path = join(directory, 's');
  const sockets: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const next = waiting.shift();
    if (next === undefined) sockets.push(socket);
    else next(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(async () => {
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  const accept = () => (sockets.length > 0 ? Promise.resolve(sockets.shift()!) : new Promise<Socket>((resolve) => waiting.push(resolve)));
  return { path, accept };
};

const pair = async (t: { teardown(fn: () => unknown): void }) => {
  const { path, accept } = await listen(t);
  const socket = connect({ path, allowHalfOpen: true });
  const [here, there] = [new IpcPeer(socket, { name: 'keeper' }), new IpcPeer(await accept(), { name: 'front' })];
  t.teardown(() => {
    here.close();
    there.close();
  });
  return { here, there, socket };
};

test('requests of both sides are answered, in any order, with binary parts', async (t) => {
  const { here, there } = await pair(t);
  there.onRequest(async ({ n }, binary) => {
    await delay(n % 3);
    return { json: { n: n * 2 }, binary: Buffer.from(binary).reverse() };
  });
  here.onRequest(async () => ({ json: { from: 'here' } }));
  const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => here.request({ n }, Buffer.from(`${n}!`))));
  t.deepEqual(
    answers.map(({ json, binary }) => [json.n, binary.toString()]),
    Array.from({ length: 200 }, (_, n) => [n * 2, `!${[...`${n}`].reverse().join('')}`]),
  );
  t.deepEqual((await there.request({})).json, { from: 'here' });
});

test('an error of the handler arrives with its code, sentence, position and rule', async (t) => {
  const { here, there } = await pair(t);
  there.onRequest(async () => {
    throw new WardError('policy-denied', 'No.', { at: 'policy.jsonc:1:2', rule: 'r' });
  });
  const error = await t.throwsAsync(here.request({}), { instanceOf: WardError });
  t.deepEqual([error.code, error.message, error.at, error.rule], ['policy-denied', 'No.', 'policy.jsonc:1:2', 'r']);
});

test('notices arrive in order and ask for no answer', async (t) => {
  const { here, there } = await pair(t);
  const seen: number[] = [];
  const done = new Promise<void>((resolve) =>
    there.onNotify(({ n }) => {
      seen.push(n);
      if (n === 99) resolve();
    }),
  );
  for (let n = 0; n < 100; n += 1) here.notify({ n });
  await done;
  t.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, n) => n),
  );
});

test('open requests fail with session-lost when the other side goes away', async (t) => {
  const { here, there } = await pair(t);
  there.onRequest(() => new Promise(() => {}));
  const open = here.request({});
  await delay(5);
  there.close();
  const error = await t.throwsAsync(open, { instanceOf: WardError });
  t.is(error.code, 'session-lost');
  t.is(error.message, 'The keeper process ended before it answered.');
  await here.closed;
  t.is((await t.throwsAsync(here.request({}), { instanceOf: WardError })).code, 'session-lost');
});

test('garbage, an answer to no question and a message without body end the connection', async (t) => {
  for (const bytes of [
    Buffer.from('\x00\x00\x00\x01\x00\x00\x00\x00x'),
    Buffer.from('\x00\x00\x00\x0b\x00\x00\x00\x00{"answer":7}'),
    Buffer.from('\x00\x00\x00\x02\x00\x00\x00\x00{}'),
  ]) {
    const { there, socket } = await pair(t);
    socket.write(bytes);
    await there.closed;
    t.pass();
  }
});

test('what came after a message that may not come is not heard', async (t) => {
  const { there, socket } = await pair(t);
  const heard: unknown[] = [];
  there.onNotify((body) => heard.push(body));
  const notice = (text: string): Buffer => Buffer.concat([Buffer.of(0, 0, 0, text.length, 0, 0, 0, 0), Buffer.from(text)]);
  socket.write(Buffer.concat(['{"notice":true,"body":{"n":1}}', '{}', '{"notice":true,"body":{"n":2}}'].map(notice)));
  await there.closed;
  t.deepEqual(heard, [{ n: 1 }]);
});

test('a child joins with its token, once', async (t) => {
  const { path, accept } = await listen(t);
  const tokens = new ChildTokens();
  tokens.expect('keeper', 'secret');
  const accepting = accept().then((socket) => acceptChild(socket, tokens));
  const peer = await connectAsChild({ socketPath: path, role: 'keeper', token: 'secret' });
  const child = await accepting;
  t.deepEqual([child?.role, child?.pid], ['keeper', process.pid]);
  peer.onRequest(async () => ({ json: { ready: true } }));
  t.deepEqual((await child!.peer.request({})).json, { ready: true });
  peer.close();

  const refused = accept().then((socket) => acceptChild(socket, tokens));
  const error = await t.throwsAsync(connectAsChild({ socketPath: path, role: 'keeper', token: 'secret' }), { instanceOf: WardError });
  t.is(error.message, 'This process was not expected.');
  t.is(await refused, undefined);
});

test('a token of one role does not open another', (t) => {
  const tokens = new ChildTokens();
  tokens.expect('executor 1', 'secret');
  t.false(tokens.redeem('keeper', 'secret'));
  t.false(tokens.redeem('executor 1', 'Secret'));
  t.true(tokens.redeem('executor 1', 'secret'));
  t.false(tokens.redeem('executor 1', 'secret'));
});
