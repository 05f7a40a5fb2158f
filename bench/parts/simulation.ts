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
  const { failures, wallMs, idealMs, agentCpuMsPerJob, agentMb, serversCpuMsPerJob } = await simulate(place, plan);
  say(`${(wallMs / 1000).toFixed(1)} s, ideal ${(idealMs / 1000).toFixed(1)} s; CPU a job: agent ${agentCpuMsPerJob.toFixed(2)} ms, servers ${serversCpuMsPerJob.toFixed(2)} ms`);
  const failed = failures.length;
  // A farm that does less is done sooner: how many it failed is told beside the time.
  if (failed > 0) results.absent(of, 'wardcc', `${failed} jobs were not done, the first because: ${failures[0] instanceof Error ? failures[0].message : 'unknown'}`);
  results.add('overIdeal', of, 'wardcc', [(wallMs / idealMs - 1) * 100], { counts: { remote: jobs - failed, hit: 0, local: 0, denied: 0, failed } });
  results.add('agentCpu', of, 'wardcc', [agentCpuMsPerJob]);
  results.add('memory', of, 'wardcc: agent', [agentMb]);
};
