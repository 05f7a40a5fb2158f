/**
 * Compiler caches without a farm: ccache, which finds a result by the files that were read last time (direct mode), and sccache, whose
 * server preprocesses first. Both compile on the client.
 *
 * @module
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../ctl/dev/ports.ts';
import { run } from '../../setup/demo/run.ts';
import { cleanEnvironment, type Contender, type Surroundings } from './contender.ts';

export const startCcache = async ({ place }: Surroundings): Promise<Contender> => {
  const directory = join(place, 'ccache');
  await mkdir(directory, { recursive: true });
  // A configuration of this machine's or of the user's must not steer it.
  const env = { ...cleanEnvironment(), CCACHE_DIR: directory, CCACHE_CONFIGPATH: join(directory, 'ccache.conf'), CCACHE_DIRECT: '1', CCACHE_MAXSIZE: '2G' };
  return { name: 'ccache', env, command: (compiler) => `ccache ${compiler}`, helpers: () => [], caches: true, remote: false, end: async () => {} };
};

export const startSccache = async ({ place }: Surroundings): Promise<Contender> => {
  const directory = join(place, 'sccache');
  await mkdir(directory, { recursive: true });
  const env = {
    ...cleanEnvironment(), SCCACHE_DIR: directory, SCCACHE_CONF: join(directory, 'config'), SCCACHE_SERVER_PORT: String(await freePort()), SCCACHE_IDLE_TIMEOUT: '0',
  };
  const { status, stderr } = await run(['sccache', '--start-server'], { env });
  if (status !== 0) throw new Error(`sccache --start-server failed: ${stderr.trim()}`);
  return {
    name: 'sccache', env, command: (compiler) => `sccache ${compiler}`, helpers: () => [], caches: true, remote: false,
    end: async () => void (await run(['sccache', '--stop-server'], { env })),
  };
};
