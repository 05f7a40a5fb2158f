/**
 * A server that root starts with an account for each part, its configuration, and a client of it.
 *
 * @module
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { initAuthority } from '../../certs/authority.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const execute = promisify(execFile);
export const checkout = resolve(import.meta.dirname, '../..');
const readyMs = 60_000;

export interface Users {
  readonly front: string;
  readonly keeper: string;
  readonly slots: readonly string[];
  /** Primary group of the slots. */
  readonly group: string;
}

/** Names that no other file of tests uses. */
export const usersOf = (name: string): Users =>
  ({ front: `wardcc-${name}-front`, keeper: `wardcc-${name}-keeper`, slots: [0, 1].map((slot) => `wardcc-${name}-slot${slot}`), group: `wardcc-${name}-slots` });

const all = ({ front, keeper, slots }: Users): string[] => [front, keeper, ...slots];

export async function addUsers(users: Users): Promise<void> {
  await execute('groupadd', ['--force', '--system', users.group]);
  for (const name of all(users)) {
    const primary = users.slots.includes(name) ? ['--gid', users.group] : ['--user-group'];
    await execute('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', ...primary, name]).catch(() => {});
  }
}

export async function removeUsers(users: Users): Promise<void> {
  for (const name of all(users)) await execute('userdel', [name]).catch(() => {});
  await execute('groupdel', [users.group]).catch(() => {});
}

export const uidOf = async (name: string): Promise<number> => Number((await execute('id', ['-u', name])).stdout);

/** A directory with all that a server and alice need to start. */
export async function writeServer(t: ExecutionContext<unknown>, users: Users): Promise<string> {
  const directory = await temporaryDirectory(t);
  await chmod(directory, 0o755);
  const authority = await initAuthority(join(directory, 'ca'), { dev: true });
  const server = await authority.issueServer(['localhost', '127.0.0.1']);
  const alice = await authority.issueUser('alice');
  const { group: _, ...accounts } = users;
  const files: Record<string, string> = {
    'ca.pem': authority.caPem, 'crl.pem': await authority.writeCrl(), 'server.pem': server.chainPem, 'server.key': server.keyPem,
    'alice.pem': alice.certPem, 'alice.key': alice.keyPem, 'committers.txt': 'alice\n',
    'policy.jsonc': JSON.stringify({
      serial: 1, mechanisms: ['cert'], anchors: [{ id: 'ca', ca: '*', uri: ['wardcc-user:'] }],
      identities: [{ id: 'people', principal: 'cert:{name}', committer: '{name}' }],
      committers: { sources: [{ id: 'list', kind: 'list', file: 'committers.txt' }] },
      rules: [{ id: 'all', effect: 'allow', who: ['*'] }],
    }),
    'server.jsonc': JSON.stringify({
      name: 'localhost', listen: [{ host: '127.0.0.1', port: 0 }], slots: 2, users: accounts, policy: 'policy.jsonc', state: 'state', run: 'run', log: 'log',
      tls: { cert: 'server.pem', key: 'server.key', clientCa: 'ca.pem', crl: 'crl.pem' }, toolchains: ['/usr/bin/gcc'], isolation: 'strict-rlimit',
    }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: name.endsWith('.key') ? 0o600 : 0o644 });
  await chown(join(directory, 'server.key'), await uidOf(users.front), 0);
  return directory;
}

/** Where the accounts reach the programs, wherever the checkout lies, and a command before which that is so. */
export async function stagePrograms(t: ExecutionContext<unknown>): Promise<{ stage: string; through: readonly string[] }> {
  const stage = `/run/wardcc-dev/${process.pid}.${Math.random().toString(36).slice(2)}`;
  await mkdir(stage, { recursive: true });
  t.teardown(() => execute('rmdir', [stage]));
  return { stage, through: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', 'mount --bind -- "$0" "$1" && shift && exec "$@"', checkout, stage] };
}

export interface Running {
  readonly pid: number;
  /** All that it has written to standard error. */
  said(): string;
  /** Resolves with exit code or signal. */
  readonly ended: Promise<number | string>;
}

/** Starts a program that the test ends with SIGTERM if it has not ended by then. */
export function run(t: ExecutionContext<unknown>, [file, ...args]: readonly string[]): Running {
  const child = spawn(file as string, args, { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text; });
  // By then all that it said was read.
  const ended = once(child, 'close').then(([code, signal]) => (signal ?? code) as number | string);
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { pid: child.pid as number, said: () => said, ended };
}

export async function until(condition: () => boolean, what: () => string): Promise<void> {
  for (let waited = 0; !condition(); waited += 50) {
    if (waited > readyMs) throw new Error(what());
    await pause(50);
  }
}

export interface Client {
  /** Runs one compile as alice, and says where it went. */
  compile(source: string, compiler?: string, file?: string, options?: readonly string[]): Promise<{ status: number | null; said: string }>;
}

/** Alice, when the server is ready. @param port of the server; by default what its ready file says */
export async function clientOf(t: ExecutionContext<unknown>, directory: string, port?: number): Promise<Client> {
  const ready = join(directory, 'run', 'ready');
  const listening = port ?? (JSON.parse(await readFile(ready, 'utf8')) as { listen: { port: number }[] }).listen[0]!.port;
  await writeFile(join(directory, 'client.jsonc'), JSON.stringify({
    hosts: [`127.0.0.1:${listening}`], trust: { ca: 'ca.pem', crl: 'crl.pem', servers: ['localhost', '127.0.0.1'] }, credentials: { cert: 'alice.pem', key: 'alice.key' },
    mechanisms: ['cert'], fallback: 'never', cache: { directory: 'cache', bytes: 0 },
  }));
  const env = { PATH: '/usr/bin:/bin', HOME: directory, WARDCC_CONFIG: join(directory, 'client.jsonc'), WARDCC_RUNTIME_DIR: join(directory, 'agent'), WARDCC_EXPLAIN: '1' };
  t.teardown(() => execute(join(checkout, 'dist/bin/wardctl'), ['stop'], { env }).catch(() => {}));
  // On a busy machine an agent takes longer to start than a compile waits for it.
  for (const patience = Date.now() + readyMs; ; await pause(500)) {
    const failed: unknown = await execute(join(checkout, 'dist/bin/wardctl'), ['whoami'], { env }).then(() => undefined, (error: unknown) => error);
    if (failed === undefined) break;
    if (Date.now() > patience) throw failed;
  }
  return {
    compile: async (source, compiler = 'gcc', file = 'a.c', options = []) => {
      await writeFile(join(directory, file), source);
      const job = spawn(join(checkout, 'dist/bin/wardcc'), [compiler, '-O2', ...options, '-c', file], { cwd: directory, env, stdio: ['ignore', 'ignore', 'pipe'] });
      let words = '';
      job.stderr.setEncoding('utf8').on('data', (text: string) => { words += text; });
      const [status] = (await once(job, 'close')) as [number | null];
      return { status, said: words };
    },
  };
}

/** Resolves when the supervisor says that the server is ready. */
export const whenReady = (directory: string, server: Running): Promise<void> =>
  until(() => existsSync(join(directory, 'run', 'ready')), () => `the server did not start:\n${server.said()}`);
