/**
 * distcc with one server on loopback, in its usual form: nobody proves who they are, and anybody may run a compiler.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../ctl/dev/ports.ts';
import { accepting } from '../../ctl/dev/realm.ts';
import { cleanEnvironment, type Contender, type Surroundings } from './contender.ts';
import { endChild, endedEarly } from './daemon.ts';

export const startDistcc = async ({ place, jobs }: Surroundings): Promise<Contender> => {
  const port = await freePort();
  const directory = join(place, 'distcc');
  await mkdir(directory, { recursive: true });
  const user = process.getuid?.() === 0 ? ['--user', 'nobody'] : [];
  const where = ['--listen', '127.0.0.1', '--allow', '127.0.0.1', '--port', String(port)];
  const how = ['--jobs', String(jobs), '--nice', '0', '--log-level', 'error', '--log-stderr', ...user];
  const daemon = spawn('distccd', ['--no-detach', '--daemon', ...where, ...how], {
    env: { ...cleanEnvironment(), PATH: '/usr/bin:/bin' },
    stdio: 'ignore',
  });
  await Promise.race([accepting(port), endedEarly(daemon)]);
  const env = {
    ...cleanEnvironment(),
    DISTCC_HOSTS: `127.0.0.1:${port}/${jobs}`,
    DISTCC_DIR: directory,
    DISTCC_FALLBACK: '0',
    DISTCC_SKIP_LOCAL_RETRY: '1',
  };
  return {
    name: 'distcc', env, command: (compiler) => `distcc ${compiler}`, helpers: () => [], caches: false, remote: true, end: () => endChild(daemon),
  };
};
