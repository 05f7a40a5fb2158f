/**
 * The rooms of the executors, as far as the supervisor makes them: which isolation this machine gives, the control group of
 * each slot, and the command that enters it.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { createSlotGroup, prepareHierarchy, removeGroup, sweepGroups, type SlotGroup } from '../sandbox/cgroup.ts';
import { isolate } from '../sandbox/isolation.ts';
import { slotCommand } from '../sandbox/slot.ts';
import type { ServerConfig } from '../config.ts';
import type { Account } from './account.ts';
import type { Accounts } from './accounts.ts';

/** A server sweeps what it left behind itself; another one beside it, with a state directory of its own, is left alone. */
const groupPrefixOf = ({ state }: ServerConfig): string => `wardcc-${createHash('sha256').update(state).digest('hex').slice(0, 12)}-slot-`;
/** Files and directories in one slot: inputs, outputs, the compiler's own temporaries. */
const slotInodes = 262_144;

export interface SlotRoom {
  readonly group: SlotGroup | undefined;
  readonly command: { readonly file: string; readonly args: readonly string[] };
}

export interface PreparedIsolation {
  readonly profile: 'strict' | 'strict-rlimit';
  /** Makes the room of one slot anew; whatever an earlier executor left in it is dead afterwards. */
  prepareSlot(slot: number, directory: string, owner: Account | undefined): Promise<SlotRoom>;
  /** Removes every slot's group. */
  remove(): Promise<void>;
}

/** @throws WardError `isolation-unavailable` with the reason and what to do */
export async function prepareIsolation(config: ServerConfig, accounts: Accounts): Promise<PreparedIsolation> {
  const isolation = isolate(config.isolation, config.cgroup, accounts.slot(0));
  const hierarchy = isolation.profile === 'strict' ? isolation.hierarchy : undefined;
  const groupPrefix = groupPrefixOf(config);
  if (hierarchy !== undefined) {
    prepareHierarchy(hierarchy);
    await sweepGroups(hierarchy, groupPrefix);
  }
  const groups = new Map<number, SlotGroup>();
  return {
    profile: isolation.profile,
    async prepareSlot(slot, directory, owner) {
      const group = hierarchy === undefined ? undefined : await createSlotGroup(hierarchy, `${groupPrefix}${slot}`, owner);
      if (group !== undefined) groups.set(slot, group);
      return { group, command: slotCommand({ directory, bytes: config.slotBytes, inodes: slotInodes, group, owner }) };
    },
    async remove() {
      for (const { directories } of groups.values()) for (const directory of directories) await removeGroup(directory);
    },
  };
}
