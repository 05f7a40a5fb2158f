/**
 * A server that root starts for real use: front, keeper and each executor under an account of its own.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { WardError } from '../../protocol/errors.ts';
import { findAccounts } from '../../server/supervisor/accounts.ts';
import { addUsers, clientOf, removeUsers, run, stagePrograms, uidOf, usersOf, whenReady, writeServer, type Client } from './account-server.ts';

const execute = promisify(execFile);
const { group, ...users } = usersOf('t');

test.before(() => addUsers({ ...users, group }));
test.after.always(() => removeUsers({ ...users, group }));

interface Server extends Client {
  readonly directory: string;
  readonly pid: number;
}

async function startServer(t: ExecutionContext<unknown>): Promise<Server> {
  const directory = await writeServer(t, { ...users, group });
  const { stage, through } = await stagePrograms(t);
  const server = run(t, [...through, `${stage}/dist/bin/wardccd`, '--config', join(directory, 'server.jsonc')]);
  await whenReady(directory, server);
  return { directory, pid: server.pid, ...(await clientOf(t, directory)) };
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
    await t.throwsAsync(findAccounts({ users: { ...users, ...changed }, slots: 2, spares: 0 }, true), { instanceOf: WardError, code: 'config-invalid', message: sentence });
  };
  await refused({ front: 'root' }, /is root/);
  await refused({ keeper: users.front }, /the same account/);
  await refused({ keeper: 'nobody-of-that-name' }, /no account nobody-of-that-name/);
  await refused({ slots: [users.slots[0]] }, /2 slots and 1 accounts/);
  const two = findAccounts({ users, slots: 2, spares: 1 }, true);
  await t.throwsAsync(two, { instanceOf: WardError, code: 'config-invalid', message: /2 slots with 1 spares and 2 accounts/ });
  await t.throwsAsync(findAccounts({ users: undefined, slots: 2, spares: 0 }, true), { instanceOf: WardError, code: 'config-invalid', message: /started by root: name the accounts/ });
  await t.throwsAsync(findAccounts({ users, slots: 2, spares: 0 }, false), { instanceOf: WardError, code: 'config-invalid', message: /needs a supervisor that root starts/ });
});
