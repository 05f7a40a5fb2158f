/**
 * Who is at the other end of a unix socket, by the kernel's word.
 *
 * @module
 */
import type { Socket } from 'node:net';
import { native } from './load.ts';

/** The uid of the process that connected; undefined when the connection is gone already. */
export function peerUid(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd ?? -1;
  try {
    return native().peerCredentials(fd).uid;
  } catch {
    return undefined;
  }
}
