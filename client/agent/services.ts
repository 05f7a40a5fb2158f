/**
 * Puts together what jobs use: local slots, compilers, what is known of inputs, and the farm as the configuration describes it.
 *
 * @module
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { watchConfig } from '../config-watch.ts';
import { Farm } from '../farm/farm.ts';
import { InputsMemory } from '../inputs/collect.ts';
import { LocalResults } from '../results/local-results.ts';
import { alarmDirectory, Alarms } from '../verify/alarms.ts';
import { Verification } from '../verify/verification.ts';
import { Displaced } from './displaced.ts';
import { provenanceDirectory, ProvenanceLog } from '../results/provenance-log.ts';
import { LocalSlots } from './local-slots.ts';
import { PathPrograms } from './path-programs.ts';
import { LocalToolchains } from './toolchains.ts';
import type { AgentServices } from './types.ts';
import { WarmUp } from './warm-up.ts';

/** Reads the configuration that `env` names. Never rejects: a wrong configuration is said to whoever has a job. */
export const createServices = async (env: NodeJS.ProcessEnv): Promise<AgentServices> => {
  const farm = new Farm(await watchConfig(env));
  const { directory, bytes } = farm.cache ?? { directory: join(env['HOME'] ?? '/tmp', '.cache', 'wardcc'), bytes: 0 };
  const localSlots = new LocalSlots(farm.localSlots ?? availableParallelism());
  const alarms = new Alarms(alarmDirectory(directory));
  const toolchains = new LocalToolchains(join(directory, 'toolchains'));
  const inputs = new InputsMemory(directory);
  return {
    cacheDirectory: directory,
    localSlots,
    verification: new Verification({ farm, slots: localSlots, alarms, directory: join(directory, 'verify') }),
    toolchains,
    pathPrograms: new PathPrograms(),
    inputs,
    results: new LocalResults(join(directory, 'results'), bytes),
    displaced: new Displaced(),
    provenance: new ProvenanceLog(provenanceDirectory(directory)),
    warmUp: new WarmUp(join(directory, 'warm-up.json'), { farm, toolchains, inputs }),
    farm,
  };
};
