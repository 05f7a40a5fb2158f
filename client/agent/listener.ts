/**
 * The agent's socket: one agent listens at a place, and leaves when its socket was taken away.
 *
 * The socket is bound under a name of its own and renamed, so that nobody ever connects to one that isn't served. The file
 * beside it mirrors what a launcher must know when no agent answers.
 *
 * @module
 */
import { chmodSync, lstatSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { controlMagic, launcherMagic, maxRequestBytes } from './launcher-protocol.ts';
import type { FallbackSetting } from './farm-view.ts';
import { isSameUser } from './peer.ts';
import type { MeetingPlace } from './place.ts';

export interface Handlers {
  launcher(socket: Socket, payload: Buffer): void;
  control(socket: Socket, payload: Buffer): void;
}

export interface Listener {
  /** Connections that are open now. */
  readonly connections: number;
  /** Milliseconds since the last connection closed, or since the start; 0 while one is open. */
  idleMs(): number;
  /** Is the file at our place still our socket? */
  isOurs(): boolean;
  /** Hides the socket, and says whether nobody had come by then; otherwise it is in its place again. */
  desert(): Promise<boolean>;
  /** Closes the socket and every connection, and removes the file if it is ours. */
  close(): void;
}

/** Does an agent answer there? */
export const isServed = (place: MeetingPlace): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(place.file('sock'));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });

/** Reads magic, length and payload; anything else closes the connection. Attacker-controlled only if our own user attacks us. */
const readRequest = (socket: Socket, handlers: Handlers): void => {
  const chunks: Buffer[] = [];
  let received = 0;
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    received += chunk.length;
    if (received < 8) return;
    const head = chunks[0]!.length >= 8 ? chunks[0]! : Buffer.concat(chunks);
    const magic = head.toString('latin1', 0, 4);
    const length = head.readUInt32LE(4);
    if ((magic !== launcherMagic && magic !== controlMagic) || length > maxRequestBytes || received > 8 + length) {
      socket.destroy();
      return;
    }
    if (received < 8 + length) return;
    socket.off('data', onData);
    socket.resume(); // so that the end of the connection is seen
    const payload = Buffer.concat(chunks).subarray(8);
    if (magic === launcherMagic) handlers.launcher(socket, payload);
    else handlers.control(socket, payload);
  };
  socket.on('data', onData);
};

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });

/** Starts to serve. undefined: another agent was quicker. */
export const startListener = async (place: MeetingPlace, handlers: Handlers): Promise<Listener | undefined> => {
  if (await isServed(place)) return undefined;
  const open = new Set<Socket>();
  let lastActive = performance.now();
  const server = createServer((socket) => {
    if (!isSameUser(socket)) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      open.delete(socket);
      lastActive = performance.now();
    });
    readRequest(socket, handlers);
  });
  const hidden = `/proc/self/fd/${place.descriptor}/agent-${place.name}.${process.pid}.new`;
  await listen(server, hidden);
  chmodSync(hidden, 0o600);
  const inode = lstatSync(hidden).ino;
  if (await isServed(place)) {
    server.close();
    return undefined;
  }
  renameSync(hidden, place.file('sock'));
  const isOurs = (): boolean => lstatSync(place.file('sock'), { throwIfNoEntry: false })?.ino === inode;
  return {
    get connections() {
      return open.size;
    },
    idleMs: () => (open.size > 0 ? 0 : performance.now() - lastActive),
    isOurs,
    desert: async () => {
      renameSync(place.file('sock'), hidden);
      // Who connected before that may still wait to be accepted, which is done in a turn of the event loop after the timers.
      for (let turn = 0; turn < 2; turn++) await nextTurn();
      if (open.size === 0) return true;
      renameSync(hidden, place.file('sock'));
      return false;
    },
    close: () => {
      if (isOurs()) unlinkSync(place.file('sock'));
      rmSync(hidden, { force: true });
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
};

/** Writes what the launcher reads when no agent answers: `never`, `infra`, `always`, and `locked`. */
export const mirrorSettings = (place: MeetingPlace, settings: FallbackSetting): void => {
  const next = place.file('new');
  writeFileSync(next, `${settings.fallback}${settings.locked ? ' locked' : ''}\n`, { mode: 0o600 });
  renameSync(next, place.file('status'));
};
