/**
 * The directories of a server and who may do what in them. Each process writes in its own; the spool of a slot is written by
 * its executor and emptied by the front; input files are written by the front and read by the slots' group.
 *
 * @module
 */
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerConfig } from '../config.ts';
import type { Account } from './account.ts';
import type { Accounts } from './accounts.ts';

export interface Places {
  /** Socket on which the front listens for the other processes. */
  readonly socket: string;
  readonly spool: string;
  readonly keeper: string;
  /** Makes the directories of one slot: its room, and its spool. */
  prepareSlot(slot: number): { readonly room: string; readonly spool: string };
}

/** A directory of `owner` with exactly `mode`, whatever the umask says. */
function makePlace(path: string, mode: number, owner?: Account): string {
  mkdirSync(path, { recursive: true });
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
  // After the owner: changing that clears the bit that hands the group down.
  chmodSync(path, mode);
  return path;
}

/**
 * Makes everything but the slots' own; what an earlier run left in spool and socket is gone.
 *
 * @param passable another account, such as sshd's bridge, may pass through to a socket that is opened for it
 */
export function preparePlaces(config: ServerConfig, accounts: Accounts, passable = false): Places {
  const { front, keeper, slots } = accounts;
  const several = front !== undefined && slots !== undefined;
  makePlace(config.run, several || passable ? 0o711 : 0o700);
  makePlace(config.state, several ? 0o711 : 0o700);
  makePlace(config.log, several ? 0o750 : 0o700, keeper);
  const meeting = makePlace(join(config.run, 'front'), several || passable ? 0o711 : 0o700, front);
  makePlace(join(config.state, 'store'), several ? 0o2750 : 0o700, several ? { uid: front.uid, gid: slots } : undefined);
  makePlace(join(config.state, 'results'), 0o700, front);
  makePlace(join(config.state, 'front'), 0o700, front);
  // Compilers, which every slot mounts and nobody but the supervisor writes.
  makePlace(join(config.state, 'toolchains'), several ? 0o755 : 0o700);
  makePlace(join(config.state, 'slots'), several ? 0o711 : 0o700);
  const spool = makePlace(join(config.state, 'spool'), several ? 0o711 : 0o700);
  // Emptied, not made anew: a part that has its own view of the machine would go on looking at the old one.
  for (const slot of readdirSync(spool)) rmSync(join(spool, slot), { recursive: true, force: true });
  rmSync(join(meeting, 'front.sock'), { force: true });
  return {
    socket: join(meeting, 'front.sock'),
    spool,
    keeper: makePlace(join(config.state, 'keeper'), 0o700, keeper),
    prepareSlot(slot) {
      const account = accounts.slot(slot);
      return {
        room: makePlace(join(config.state, 'slots', String(slot)), 0o700, account),
        spool: makePlace(join(spool, String(slot)), several ? 0o2770 : 0o700, account === undefined || front === undefined ? undefined : { uid: account.uid, gid: front.gid }),
      };
    },
  };
}
