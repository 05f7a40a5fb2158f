import test from 'ava';
import { resourceLimits } from '../../../server/sandbox/limits.ts';
import { generousLimits } from '../../fixtures/executor.ts';

const byName = (profile: 'strict' | 'strict-rlimit') =>
  Object.fromEntries(resourceLimits(generousLimits, profile).map(({ name, soft, hard }) => [name, [soft, hard]]));

test('each limit of the policy that the kernel counts per process is set', (t) => {
  const { cpuSeconds, fileBytes, openFiles, processes } = generousLimits;
  t.deepEqual(byName('strict'), {
    core: [0, 0],
    cpu: [cpuSeconds, cpuSeconds + 2],
    fsize: [fileBytes, fileBytes],
    nofile: [openFiles, openFiles],
    nproc: [processes + 1, processes + 1],
  });
});

test('without control groups memory is limited per process', (t) => {
  const { memoryBytes } = generousLimits;
  t.deepEqual(byName('strict-rlimit')['as'], [memoryBytes, memoryBytes]);
  t.deepEqual(byName('strict-rlimit')['data'], [memoryBytes, memoryBytes]);
});
