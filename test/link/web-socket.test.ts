import test from 'ava';
import { receivePeerWelcome } from '../../link/web-socket.ts';
import { WardError } from '../../protocol/errors.ts';
import { sessionPair } from '../protocol/pair.ts';

test('a server that used up all the time there was before it had to say welcome is left at once', async (t) => {
  const { client } = await sessionPair();
  const error = await t.throwsAsync(receivePeerWelcome(client, AbortSignal.abort()), { instanceOf: WardError });
  t.is(error.class, 'protocol');
  t.is(error.code, 'handshake-timeout');
  t.is(error.message, 'The server did not say welcome in time.');
  t.is((await client.closed)?.code, 'handshake-timeout');
});
