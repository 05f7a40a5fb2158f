import test from 'ava';
import { simulate } from '../../bench/simulation/simulate.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

test('the real agent places every job of a simulated farm, no sooner than the ideal', async (t) => {
  const plan = { servers: 3, slots: 2, jobs: 40, leastMs: 20, mostMs: 100 };
  const { failures, wallMs, idealMs, agentCpuMsPerJob, agentMb, serversCpuMsPerJob } = await simulate(await temporaryDirectory(t), plan);
  t.deepEqual(failures, []);
  t.true(wallMs >= idealMs, `${wallMs} ${idealMs}`);
  for (const measured of [agentCpuMsPerJob, agentMb, serversCpuMsPerJob]) t.true(measured > 0);
});
