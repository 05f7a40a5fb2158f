import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { encodePreface, readPreface, type SshLogin } from '../../../server/ssh-bridge/preface.ts';

/** The front's end of a connection on which somebody said these bytes and nothing more. */
async function hear(t: ExecutionContext<unknown>, bytes: Buffer): Promise<Socket> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const peer = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  peer.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.on('error', () => {});
  t.teardown(() => {
    peer.destroy();
    socket.destroy();
    server.close();
  });
  peer.end(bytes);
  return socket;
}

test('what the bridge says is heard as it was said', async (t) => {
  const login: SshLogin = { address: '192.0.2.1', methods: [{ method: 'publickey', value: 'ssh-ed25519 AAAA' }] };
  t.deepEqual(await readPreface(await hear(t, encodePreface(login)), 5_000), login);
});

for (const length of [0, 1, 3, 5, 7, 8, 12]) {
  test(`a bridge that ends after ${length} bytes is refused, and that is all`, async (t) => {
    const bytes = encodePreface({ address: '192.0.2.1', methods: [] }).subarray(0, length);
    const error = await t.throwsAsync(readPreface(await hear(t, bytes), 5_000), { instanceOf: WardError });
    t.is((error as WardError).code, 'protocol-violation');
  });
}
