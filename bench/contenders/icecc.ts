/**
 * icecream with a scheduler and one server in a network namespace of their own, and the client's daemon in another: on one host its
 * daemons would take each other for the same machine. Nobody proves who they are.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { run } from '../../setup/demo/run.ts';
import { cleanEnvironment, type Contender, type Surroundings } from './contender.ts';
import { endChild } from './daemon.ts';

const account = 'icecc';
const schedulerPort = '8765';
/** The only addresses in the two namespaces, which nothing else is connected to. */
const addresses = { server: '10.0.0.1', client: '10.0.0.2' };
/** Daemons find the scheduler, and the scheduler its server, in so many milliseconds. */
const meetMs = 20_000;

const must = async (...command: string[]): Promise<string> => {
  const { status, stdout, stderr } = await run(command);
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr.trim()}`);
  return stdout.trim();
};

/** Two namespaces with a link between them. */
const makeNamespaces = async (): Promise<{ server: string; client: string; remove(): Promise<void> }> => {
  const [server, client] = [`wardcc-bench-${process.pid}-s`, `wardcc-bench-${process.pid}-c`];
  const remove = async (): Promise<void> => {
    for (const name of [server, client]) await run(['ip', 'netns', 'delete', name]);
  };
  try {
    for (const name of [server, client]) await must('ip', 'netns', 'add', name);
    await must('ip', '-n', server, 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth0', 'netns', client);
    for (const [name, address] of [[server, addresses.server], [client, addresses.client]] as const) {
      await must('ip', '-n', name, 'address', 'add', `${address}/24`, 'dev', 'veth0');
      for (const device of ['lo', 'veth0']) await must('ip', '-n', name, 'link', 'set', device, 'up');
    }
    return { server, client, remove };
  } catch (thrown) {
    await remove();
    throw thrown;
  }
};

/** @throws Error when this is not root, who alone may make network namespaces and whose daemon alone may use a chroot */
export const startIcecc = async ({ place, jobs }: Surroundings): Promise<Contender> => {
  if (process.getuid?.() !== 0) throw new Error('icecc needs two network namespaces and a chroot, which only root can make');
  const [uid, gid] = [Number(await must('id', '-u', account)), Number(await must('id', '-g', account))];
  const directory = join(place, 'icecc');
  const namespaces = await makeNamespaces();
  const daemons: ChildProcess[] = [];
  const end = async (): Promise<void> => {
    for (const daemon of daemons.reverse()) await endChild(daemon);
    await namespaces.remove();
  };
  const start = async (name: 'scheduler' | 'server' | 'client', program: string, ...args: string[]): Promise<number> => {
    const own = join(directory, name);
    await mkdir(join(own, 'environments'), { recursive: true });
    for (const path of [directory, own, join(own, 'environments')]) await chown(path, uid, gid);
    const within = ['netns', 'exec', name === 'client' ? namespaces.client : namespaces.server];
    const how = ['-u', account, '-l', join(own, 'output.txt'), '-n', `bench-${process.pid}`, ...args];
    const child = spawn('ip', [...within, program, ...how], { env: { ...cleanEnvironment(), ICECC_TEST_SOCKET: join(own, 'socket') }, stdio: 'ignore' });
    daemons.push(child);
    return child.pid!;
  };
  const daemon = (name: 'server' | 'client', ...args: string[]): Promise<number> =>
    start(name, 'iceccd', '-s', `${addresses.server}:${schedulerPort}`, '-b', join(directory, name, 'environments'), '-N', name, ...args);
  try {
    await start('scheduler', 'icecc-scheduler', '-p', schedulerPort);
    await daemon('server', '-m', String(jobs));
    const helper = await daemon('client', '-m', '0', '--no-remote');
    const contender: Contender = {
      name: 'icecc',
      env: { ...cleanEnvironment(), ICECC_TEST_SOCKET: join(directory, 'client', 'socket'), ICECC_PREFERRED_HOST: 'server' },
      command: (compiler) => `icecc ${compiler}`,
      within: ['ip', 'netns', 'exec', namespaces.client],
      helpers: () => [helper],
      caches: false,
      remote: true,
      end,
    };
    await untilRemote(contender, directory);
    return contender;
  } catch (thrown) {
    await end();
    throw thrown;
  }
};

/** A compile that names the host it was made on shows that the farm has met. */
const untilRemote = async ({ env, within = [] }: Contender, directory: string): Promise<void> => {
  const [source, object] = [join(directory, 'try.c'), join(directory, 'try.o')];
  await must('sh', '-c', 'echo "int a;" >"$1"', 'sh', source);
  const deadline = performance.now() + meetMs;
  for (;;) {
    const { status, stderr } = await run([...within, 'icecc', 'gcc', '-c', source, '-o', object], { env: { ...env, ICECC_DEBUG: 'debug' } });
    if (status === 0 && /Have to use host 10\.0\.0\.1/.test(stderr)) return;
    if (performance.now() > deadline) throw new Error(`icecc has found no server: ${stderr.trim().slice(-500)}`);
    await pause(500);
  }
};
