/**
 * How a part starts that systemd starts: with sockets that systemd has opened, and with its configuration over one of them, from the
 * supervisor. A part that the supervisor starts itself reads the same line from standard input; nothing after that differs.
 *
 * What always holds: the configuration is taken from root alone, by the kernel's word and not only by the mode of the socket; the end of
 * that connection is the end of the part, as the end of standard input is.
 *
 * @module
 */
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { WardError } from '../../protocol/errors.ts';
import { peerUid } from '../native/peer-uid.ts';

/** Descriptors of listening sockets, by the names that the units give them (`FileDescriptorName=`). */
export type PassedSockets = ReadonlyMap<string, readonly number[]>;

/** Where the supervisor says what a part is to do. */
export const startSocket = 'start';

const firstDescriptor = 3;
const mostDescriptors = 64;

/**
 * The sockets that were passed to this very process, as sd_listen_fds(3) describes; none when nothing was passed. The variables are gone
 * afterwards.
 *
 * @throws WardError `config-invalid` when the variables contradict each other
 */
export function passedSockets(environment: NodeJS.ProcessEnv = process.env, pid = process.pid): PassedSockets {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[name];
  const sockets = new Map<string, number[]>();
  if (LISTEN_PID !== String(pid)) return sockets;
  const names = LISTEN_FDNAMES?.split(':') ?? [];
  const count = Number(LISTEN_FDS);
  if (!Number.isInteger(count) || count < 1 || count > mostDescriptors || names.length !== count)
    throw new WardError('config-invalid', 'LISTEN_FDS and LISTEN_FDNAMES do not say which sockets were passed: each unit has to name its own.');
  names.forEach((name, index) => sockets.set(name, [...(sockets.get(name) ?? []), firstDescriptor + index]));
  return sockets;
}

/**
 * The stream that the line of configuration comes from: standard input, or the first connection of root to the socket named `start`.
 * Connections of others are closed unheard.
 */
export async function configurationInput(sockets: PassedSockets): Promise<Readable & { unref?(): void }> {
  const [fd] = sockets.get(startSocket) ?? [];
  if (fd === undefined) return process.stdin;
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => {
      if (peerUid(connection) !== 0) return void connection.destroy();
      connection.on('error', () => connection.destroy());
      // systemd holds the socket itself open: whoever comes later starts the next one of us.
      server.close();
      resolve(connection);
    });
    server.once('error', reject);
    server.listen({ fd });
  });
}
