import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { answerUpgrades, httpLimits } from '../../../server/front/upgrade.ts';

/** A server that refuses every upgrade that is asked of it here, and says why. */
async function refusing(t: ExecutionContext<unknown>): Promise<{ port: number; refusal: Promise<string>; gone: Promise<void> }> {
  const server = createServer(httpLimits);
  const refusal = Promise.withResolvers<string>();
  const gone = Promise.withResolvers<void>();
  answerUpgrades<Socket>(server, {
    opened: () => t.fail(),
    refused: (socket, why) => {
      socket.once('close', () => gone.resolve());
      refusal.resolve(why);
    },
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, refusal: refusal.promise, gone: gone.promise };
}

const fromBrowser = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://x\r\n\r\n';

test('a peer that resets its connection while it is refused does the server no harm', async (t) => {
  const { port, refusal, gone } = await refusing(t);
  const peer = connect({ host: '127.0.0.1', port });
  peer.on('error', () => {});
  peer.write(fromBrowser);
  t.is(await refusal, 'Origin header');
  peer.resetAndDestroy();
  await gone;
});

test('a peer that was refused and keeps its half of the connection open is cut off', async (t) => {
  const { port, refusal, gone } = await refusing(t);
  const peer = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  t.teardown(() => peer.destroy());
  peer.on('error', () => {});
  peer.write(fromBrowser);
  t.is(await refusal, 'Origin header');
  await gone;
});
