/**
 * Is the other end of a unix socket this user? The runtime directory keeps others out already; the kernel's word is a second lock.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

interface PeerAddon {
  peerCredentials(fd: number): { readonly uid: number };
}

let loaded: PeerAddon | null | undefined;

const addon = (): PeerAddon | null => {
  if (loaded !== undefined) return loaded;
  const places = ['../../native/wardcc.node', '../../dist/native/wardcc.node'];
  const found = places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((place) => existsSync(place));
  try {
    loaded = found === undefined ? null : (createRequire(import.meta.url)(found) as PeerAddon);
  } catch {
    loaded = null;
  }
  return loaded;
};

/** False only if the kernel says that it's somebody else. */
export const isSameUser = (socket: Socket): boolean => {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  const check = addon();
  if (check === null || fd === undefined || fd < 0) return true;
  try {
    return check.peerCredentials(fd).uid === process.geteuid!();
  } catch {
    return false;
  }
};
