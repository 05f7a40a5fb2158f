import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { farmLayout } from '../../../ctl/dev/layout.ts';
import { readFarmRecord } from '../../../ctl/dev/farm-record.ts';
import { commandOf, isRunning, sessionOf, signalProcess, type ProcessRecord } from '../../../ctl/dev/processes.ts';
import { until } from '../../fixtures/changing-farm.ts';
import { startFarm } from '../../fixtures/farm.ts';
import { compileOne } from '../../fixtures/farm-life.ts';

/** Longer than a front needs on a machine that is not busy, by far. */
const slowMs = 7_000;

test('a front that is slow to start is waited for, not killed and started again', async (t) => {
  const farm = await startFarm(t, ['--cores', '1']);
  const [server] = (await readFarmRecord(farmLayout(farm.directory).record))!.processes as [ProcessRecord];
  const front = (): ProcessRecord | undefined => sessionOf(server).find((one) => /front\/main\.js|wardccd: front/.test(commandOf(one)));
  const first = front()!;
  signalProcess(first, 'SIGKILL');
  const second = await until('the supervisor starts another front', () => {
    const found = front();
    return found?.pid === first.pid ? undefined : found;
  });
  signalProcess(second, 'SIGSTOP');
  await pause(slowMs);
  t.true(isRunning(second), 'it is waited for');
  signalProcess(second, 'SIGCONT');
  await until('the server accepts again', async () => (await farm.run(['wardctl', 'ping'])).status === 0 || undefined, 60_000);
  t.is(front()?.pid, second.pid);
  await compileOne(t, farm, `${farm.directory}/work`);
});
