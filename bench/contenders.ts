/**
 * Who is compared: plain gcc, distcc without any security, a stand-in that compiles nothing (what the harness itself costs),
 * and wardcc with everything it has.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../ctl/dev/ports.ts';
import { accepting } from '../ctl/dev/realm.ts';
import { startWardcc } from './wardcc.ts';

export interface Contender {
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  /** What stands before the compiler's own arguments. */
  command(compiler: 'gcc' | 'g++'): string;
  /** Pids that work for the client's side beside make: their CPU time counts as the client's. */
  readonly helpers: readonly number[];
  end(): Promise<void>;
}

const clean = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(WARDCC|DISTCC|CCACHE|MAKE)/.test(name)));

const simple = (name: string, command: Contender['command']): Contender =>
  ({ name, env: clean(), command, helpers: [], end: async () => {} });

export const plain = simple('plain', (compiler) => compiler);

/** make, the shell and a process a job, and nothing else. */
export const standIn = simple('/bin/true', () => '/bin/true');

/** distcc in its usual form: nobody proves who they are, and anybody may run a compiler. */
export const startDistcc = async (place: string, jobs: number): Promise<Contender> => {
  const port = await freePort();
  await mkdir(join(place, 'distcc'), { recursive: true });
  const user = process.getuid?.() === 0 ? ['--user', 'nobody'] : [];
  const where = ['--listen', '127.0.0.1', '--allow', '127.0.0.1', '--port', String(port)];
  const how = ['--jobs', String(jobs), '--nice', '0', '--log-level', 'error', '--log-stderr', ...user];
  const daemon = spawn('distccd', ['--no-detach', '--daemon', ...where, ...how], {
    env: { ...clean(), PATH: '/usr/bin:/bin' },
    stdio: 'ignore',
  });
  await accepting(port);
  const env = {
    ...clean(),
    DISTCC_HOSTS: `127.0.0.1:${port}/${jobs}`,
    DISTCC_DIR: join(place, 'distcc'),
    DISTCC_FALLBACK: '0',
    DISTCC_SKIP_LOCAL_RETRY: '1',
  };
  return {
    name: 'distcc',
    env,
    command: (compiler) => `distcc ${compiler}`,
    helpers: [],
    end: () =>
      new Promise((resolve) => {
        daemon.once('exit', () => resolve());
        daemon.kill('SIGTERM');
      }),
  };
};

export { startWardcc };
