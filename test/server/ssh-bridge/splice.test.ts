import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { splice } from '../../../server/ssh-bridge/splice.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

/** All that comes until the end, however that is; the other direction stays open. */
const buffer = (stream: Readable): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const finish = (): void => resolve(Buffer.concat(chunks));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk)).once('end', finish).once('close', finish).on('error', finish);
    if (stream.destroyed) finish();
  });

interface Ends {
  readonly input: PassThrough;
  readonly output: PassThrough;
  /** The front's end. */
  readonly front: Socket;
  readonly over: Promise<void>;
}

const begin = async (t: ExecutionContext<unknown>): Promise<Ends> => {
  const path = join(await temporaryDirectory(t), 'front.sock');
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => accepted.resolve(socket));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => server.close());
  const socket = connect({ path, allowHalfOpen: true });
  const [input, output] = [new PassThrough(), new PassThrough()];
  const over = splice({ input, output }, socket);
  const front = await accepted.promise;
  t.teardown(() => front.destroy());
  return { input, output, front, over };
};

test('bytes go both ways as they are, however many', async (t) => {
  const { input, output, front, over } = await begin(t);
  const [there, back] = [randomBytes(5_000_000), randomBytes(3_000_001)];
  input.end(there);
  front.end(back);
  const [arrived, returned] = await Promise.all([buffer(front), buffer(output)]);
  t.true(arrived.equals(there));
  t.true(returned.equals(back));
  await over;
});

test('the end of the client\'s words is passed on, and the answer still comes', async (t) => {
  const { input, output, front, over } = await begin(t);
  input.end('a question');
  t.is((await buffer(front)).toString(), 'a question');
  front.end('an answer');
  t.is((await buffer(output)).toString(), 'an answer');
  await over;
});

test('the end of the front\'s words is passed on, and the client may still speak', async (t) => {
  const { input, output, front, over } = await begin(t);
  front.end('the last word');
  t.is((await buffer(output)).toString(), 'the last word');
  input.end('more');
  t.is((await buffer(front)).toString(), 'more');
  await over;
});

test('a front that breaks ends both directions, also while the client is silent', async (t) => {
  const { input, output, front, over } = await begin(t);
  input.write('something');
  front.destroy();
  await over;
  t.true(input.destroyed);
  t.is((await buffer(output)).length, 0);
});

test('a client that breaks ends both directions', async (t) => {
  const { input, front, over } = await begin(t);
  front.on('error', () => undefined);
  input.destroy(new Error('gone'));
  await over;
  t.is((await buffer(front)).length, 0);
});
