/**
 * One client on a farm of 64 servers with 8 slots each.
 *
 * @module
 */
import { simulate } from '../simulation/simulate.ts';
import { wholePlan, type Plan } from '../simulation/plan.ts';
import type { Context } from './part.ts';

export const measureSimulation = async ({ results, place, say }: Context, plan: Plan = wholePlan): Promise<void> => {
  const { servers, slots, jobs } = plan;
  const of = `${servers} × ${slots} slots, ${jobs} jobs`;
  say(`${of}: this takes about ${Math.round((jobs * (plan.leastMs + plan.mostMs)) / 2 / (servers * slots) / 1000)} s`);
  const { wallMs, idealMs, agentCpuMsPerJob, agentMb, serversCpuMsPerJob } = await simulate(place, plan);
  say(`${(wallMs / 1000).toFixed(1)} s, ideal ${(idealMs / 1000).toFixed(1)} s; CPU a job: agent ${agentCpuMsPerJob.toFixed(2)} ms, servers ${serversCpuMsPerJob.toFixed(2)} ms`);
  results.add('overIdeal', of, 'wardcc', [(wallMs / idealMs - 1) * 100]);
  results.add('agentCpu', of, 'wardcc', [agentCpuMsPerJob]);
  results.add('memory', of, 'wardcc: agent', [agentMb]);
};
