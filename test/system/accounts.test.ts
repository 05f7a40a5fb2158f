/**
 * A server that root starts for real use: front, keeper and each executor under an account of its own.
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
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { initAuthority } from '../../certs/authority.ts';
import { WardError } from '../../protocol/errors.ts';
import { findAccounts } from '../../server/supervisor/accounts.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const execute = promisify(execFile);
const checkout = resolve(import.meta.dirname, '../..');
const group = 'wardcc-t-slots';
const users = { front: 'wardcc-t-front', keeper: 'wardcc-t-keeper', slots: ['wardcc-t-slot0', 'wardcc-t-slot1'] };
const readyMs = 60_000;

const allUsers = [users.front, users.keeper, ...users.slots];

test.before(async () => {
  await execute('groupadd', ['--force', '--system', group]);
  for (const name of allUsers) {
    const primary = users.slots.includes(name) ? ['--gid', group] : ['--user-group'];
    await execute('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', ...primary, name]).catch(() => {});
  }
});

test.after.always(async () => {
  for (const name of allUsers) await execute('userdel', [name]).catch(() => {});
  await execute('groupdel', [group]).catch(() => {});
});

const uidOf = async (name: string): Promise<number> => Number((await execute('id', ['-u', name])).stdout);

interface Server {
  readonly directory: string;
  readonly pid: number;
  /** Runs one compile as alice, and says where it went. */
  compile(source: string): Promise<{ status: number | null; said: string }>;
}

async function startServer(t: ExecutionContext<unknown>): Promise<Server> {
  const directory = await temporaryDirectory(t);
  await chmod(directory, 0o755);
  const authority = await initAuthority(join(directory, 'ca'), { dev: true });
  const server = await authority.issueServer(['localhost', '127.0.0.1']);
  const alice = await authority.issueUser('alice');
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
      name: 'localhost', listen: [{ host: '127.0.0.1', port: 0 }], slots: 2, users, policy: 'policy.jsonc', state: 'state', run: 'run', log: 'log',
      tls: { cert: 'server.pem', key: 'server.key', clientCa: 'ca.pem', crl: 'crl.pem' }, toolchains: ['/usr/bin/gcc'], isolation: 'strict-rlimit',
    }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: name.endsWith('.key') ? 0o600 : 0o644 });
  await chown(join(directory, 'server.key'), await uidOf(users.front), 0);

  // The accounts must be able to reach the programs, wherever the checkout lies.
  const stage = `/run/wardcc-dev/accounts.${process.pid}`;
  await mkdir(stage, { recursive: true });
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'mount --bind -- "$0" "$1" && exec "$1/dist/bin/wardccd" --config "$2"', checkout, stage, join(directory, 'server.jsonc')], {
    cwd: '/', stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text; });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
    await execute('rmdir', [stage]);
  });
  const ready = join(directory, 'run', 'ready');
  for (let waited = 0; !existsSync(ready); waited += 100) {
    if (waited > readyMs || child.exitCode !== null) throw new Error(`the server did not start:\n${said}`);
    await pause(100);
  }
  const port = (JSON.parse(await readFile(ready, 'utf8')) as { listen: { port: number }[] }).listen[0]!.port;
  await writeFile(join(directory, 'client.jsonc'), JSON.stringify({
    hosts: [`127.0.0.1:${port}`], trust: { ca: 'ca.pem', crl: 'crl.pem', servers: ['localhost', '127.0.0.1'] }, credentials: { cert: 'alice.pem', key: 'alice.key' },
    mechanisms: ['cert'], fallback: 'never', cache: { directory: 'cache', bytes: 0 },
  }));
  const env = { PATH: '/usr/bin:/bin', HOME: directory, WARDCC_CONFIG: join(directory, 'client.jsonc'), WARDCC_RUNTIME_DIR: join(directory, 'agent'), WARDCC_EXPLAIN: '1' };
  t.teardown(() => execute(join(checkout, 'dist/bin/wardctl'), ['stop'], { env }).catch(() => {}));
  return {
    directory,
    pid: child.pid!,
    compile: async (source) => {
      await writeFile(join(directory, 'a.c'), source);
      const job = spawn(join(checkout, 'dist/bin/wardcc'), ['gcc', '-O2', '-c', 'a.c'], { cwd: directory, env, stdio: ['ignore', 'ignore', 'pipe'] });
      let words = '';
      job.stderr.setEncoding('utf8').on('data', (text: string) => { words += text; });
      const [status] = (await once(job, 'exit')) as [number | null];
      return { status, said: words };
    },
  };
}

/** Every process below another one: its uid and its command. */
async function processesBelow(ancestor: number): Promise<{ uid: number; command: string }[]> {
  const { stdout } = await execute('ps', ['-e', '-o', 'pid=,ppid=,uid=,args=']);
  const all = stdout.trim().split('\n').map((line) => {
    const [, pid, parent, uid, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line) as RegExpExecArray;
    return { pid: Number(pid), parent: Number(parent), uid: Number(uid), command: command as string };
  });
  const below = (pid: number): typeof all => all.filter(({ parent }) => parent === pid).flatMap((found) => [found, ...below(found.pid)]);
  return below(ancestor);
}

test.serial('front, keeper and every executor run under accounts of their own, and a compile goes through all of them', async (t) => {
  const server = await startServer(t);
  const { status, said } = await server.compile('int answer(void) { return 42; }\n');
  t.is(status, 0, said);
  t.regex(said, /^wardcc: remote: a\.c/m);
  t.true(existsSync(join(server.directory, 'a.o')));

  const processes = await processesBelow(server.pid);
  const uids = (part: RegExp): number[] => processes.filter(({ command }) => part.test(command)).map(({ uid }) => uid);
  t.deepEqual(uids(/^wardccd: front/), [await uidOf(users.front)]);
  t.deepEqual(uids(/keeper\/main\.js/), [await uidOf(users.keeper)]);
  const executors = uids(/^\S*node .*executor\/main\.js/).sort();
  t.deepEqual(executors, (await Promise.all(users.slots.map(uidOf))).sort());
});

test.serial('no part of a server can read what belongs to another', async (t) => {
  const server = await startServer(t);
  t.is((await server.compile('int x;\n')).status, 0);
  const mayRead = async (user: string, path: string): Promise<boolean> =>
    execute('setpriv', ['--reuid', user, '--regid', users.slots.includes(user) ? group : user, '--clear-groups', 'ls', join(server.directory, path)]).then(() => true, () => false);
  for (const [user, path] of [
    [users.front, 'state/keeper'], [users.front, 'log'], [users.front, 'state/slots/0'],
    [users.keeper, 'state/results'], [users.keeper, 'state/store'], [users.keeper, 'state/spool/0'],
    ['wardcc-t-slot0', 'state/keeper'], ['wardcc-t-slot0', 'log'], ['wardcc-t-slot0', 'state/results'], ['wardcc-t-slot0', 'state/slots/1'],
    ['wardcc-t-slot0', 'state/spool/1'],
  ] as const) {
    t.false(await mayRead(user, path), `${user} reads ${path}`);
  }
  for (const [user, primary] of [['wardcc-t-slot0', group], [users.keeper, users.keeper]] as const) {
    const reading = execute('setpriv', ['--reuid', user, '--regid', primary, '--clear-groups', 'cat', join(server.directory, 'server.key')]);
    await t.throwsAsync(reading, { message: /Permission denied/ });
  }
});

test.serial('an account that is root, shared or missing is refused before anything runs', async (t) => {
  const refused = async (changed: object, sentence: RegExp): Promise<void> => {
    await t.throwsAsync(findAccounts({ users: { ...users, ...changed }, slots: 2 }, true), { instanceOf: WardError, code: 'config-invalid', message: sentence });
  };
  await refused({ front: 'root' }, /is root/);
  await refused({ keeper: users.front }, /the same account/);
  await refused({ keeper: 'nobody-of-that-name' }, /no account nobody-of-that-name/);
  await refused({ slots: [users.slots[0]] }, /2 slots and 1 accounts/);
  await t.throwsAsync(findAccounts({ users: undefined, slots: 2 }, true), { instanceOf: WardError, code: 'config-invalid', message: /started by root: name the accounts/ });
  await t.throwsAsync(findAccounts({ users, slots: 2 }, false), { instanceOf: WardError, code: 'config-invalid', message: /needs a supervisor that root starts/ });
});
