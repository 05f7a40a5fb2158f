/**
 * How an agent that is idle leaves.
 */
import { once } from 'node:events';
import { closeSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { startListener, type Listener } from '../../../client/agent/listener.ts';
import { openMeetingPlace, type MeetingPlace } from '../../../client/agent/place.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

interface Agent {
  readonly listener: Listener;
  readonly place: MeetingPlace;
  /** The files in its runtime directory. */
  files(): string[];
}

const listening = async (t: ExecutionContext<unknown>): Promise<Agent> => {
  const runtime = `${await temporaryDirectory(t)}/run`;
  const place = openMeetingPlace({ HOME: runtime, WARDCC_RUNTIME_DIR: runtime }, 'test');
  const answer = (socket: NodeJS.WritableStream): void => void socket.end('served');
  const listener = (await startListener(place, { launcher: answer, control: answer }))!;
  t.teardown(() => {
    listener.close();
    closeSync(place.descriptor);
  });
  return { listener, place, files: () => readdirSync(runtime).sort() };
};

const request = Buffer.from('WCL1\0\0\0\0');

test('who has connected when the agent is about to leave is served, and the agent stays', async (t) => {
  const { listener, place, files } = await listening(t);
  const before = files();
  const launcher = connect(place.file('sock'));
  t.is(listener.connections, 0, 'it is not accepted yet');
  t.false(await listener.desert());
  launcher.write(request);
  const [said] = await once(launcher, 'data') as [Buffer];
  t.is(said.toString(), 'served');
  t.true(listener.isOurs());
  t.deepEqual(files(), before);
  await once(launcher, 'close');
});

test('where nobody has connected the socket is gone at once, and nothing is left of it in the end', async (t) => {
  const { listener, place, files } = await listening(t);
  t.true(await listener.desert());
  const late = connect(place.file('sock'));
  const [error] = await once(late, 'error') as [NodeJS.ErrnoException];
  t.is(error.code, 'ENOENT');
  listener.close();
  t.deepEqual(files(), []);
});
