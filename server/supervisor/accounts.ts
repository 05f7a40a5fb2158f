/**
 * Who the processes run as. Started by root, the supervisor gives front, keeper and each slot an account of its own: a hole
 * in one is no way into another. Started by anybody else, all run as that user.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { accountOf, type Account } from './account.ts';

export interface Accounts {
  readonly front: Account | undefined;
  readonly keeper: Account | undefined;
  /** The account of a slot; undefined: the supervisor's own. */
  slot(number: number): Account | undefined;
  /** The group that all slots share: it may read input files. */
  readonly slots: number | undefined;
}

/** @throws WardError `config-invalid` when root would have to run something, or two parts would share an account */
export async function findAccounts({ users, slots, spares }: Pick<ServerConfig, 'users' | 'slots' | 'spares'>, isRoot = process.getuid?.() === 0): Promise<Accounts> {
  const refuse = (sentence: string): WardError => new WardError('config-invalid', sentence);
  if (!isRoot) {
    if (users !== undefined) throw refuse('"users" in server.jsonc needs a supervisor that root starts.');
    return { front: undefined, keeper: undefined, slot: () => undefined, slots: undefined };
  }
  if (users === undefined) throw refuse('wardccd was started by root: name the accounts of its parts under "users" in server.jsonc. Only the supervisor runs as root.');
  const [front, keeper, ...rooms] = (await Promise.all([users.front, users.keeper, ...users.slots].map(accountOf))) as [Account, Account, ...Account[]];
  const uids = [front, keeper, ...rooms].map(({ uid }) => uid);
  if (uids.includes(0)) throw refuse('An account under "users" is root.');
  if (new Set(uids).size < uids.length) throw refuse('Two names under "users" are the same account: front, keeper and each slot need one of their own.');
  if (rooms.length < slots + spares) {
    throw refuse(`There are ${slots} slots${spares > 0 ? ` with ${spares} spares` : ''} and ${rooms.length} accounts for them under "users".`);
  }
  const [group, ...others] = new Set(rooms.map(({ gid }) => gid));
  if (others.length > 0) throw refuse('The accounts of the slots must have the same primary group.');
  return { front, keeper, slot: (number) => rooms[number], slots: group };
}
