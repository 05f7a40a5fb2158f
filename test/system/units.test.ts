/**
 * Front and keeper as units of their own: systemd starts them at their sockets, and the supervisor, which is not their parent, tells them
 * what to do.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { preparePlaces } from '../../server/supervisor/places.ts';
import { freePort } from '../../ctl/dev/ports.ts';
import { loadServerConfig } from '../../server/config.ts';
import { findAccounts } from '../../server/supervisor/accounts.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { addUsers, clientOf, removeUsers, run, stagePrograms, uidOf, until, usersOf, whenReady, writeServer, type Client, type Running } from './account-server.ts';
import { underUnit, unitFile } from './units.ts';

const execute = promisify(execFile);
const users = usersOf('u');

test.before(() => addUsers(users));
test.after.always(() => removeUsers(users));

/** Loaded into a part: when it gets SIGUSR2 it tries what a stranger would who has taken it over, and says how each try ended. */
const temptation = `
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
const [, ...paths] = process.env.TEMPTATION.split('|');
const how = (act) => { try { act(); return 'done'; } catch (error) { return error.code; } };
process.on('SIGUSR2', async () => {
  const said = { exec: spawnSync('/bin/true').error?.code ?? 'done' };
  for (const path of paths) {
    said['read ' + path] = how(() => readFileSync(path));
    said['write ' + path] = how(() => writeFileSync(path + '.x', 'x'));
  }
  said.network = await new Promise((resolve) => connect({ host: '127.0.0.1', port: 9 }).once('error', ({ code }) => resolve(code)).once('connect', () => resolve('done')));
  process.stderr.write('tempted ' + JSON.stringify(said) + '\\n');
});
`;

interface Units extends Client {
  readonly directory: string;
  readonly port: number;
  readonly supervisor: Running;
  readonly front: Running;
  readonly keeper: Running;
}

const secrets = ['server.key', 'state/keeper/result-key.pem', 'state/keeper/x', 'state/results/x', 'state/front/x', 'state/slots/x', 'log/x', 'run/x', 'x'];

async function startUnits(t: ExecutionContext<unknown>): Promise<Units> {
  const directory = await writeServer(t, users);
  const { stage, through } = await stagePrograms(t);
  const port = await freePort();
  const parts = join(directory, 'run/start');
  await mkdir(parts, { recursive: true, mode: 0o700 });
  const hook = join(directory, 'temptation.mjs');
  writeFileSync(hook, temptation);
  const start = async (name: 'front' | 'keeper', sockets: Record<string, string>): Promise<Running> => run(t, await underUnit(name, {
    directory, stage, user: users[name], sockets: { ...sockets, start: join(parts, `${name}.sock`) },
    command: [
      '/usr/bin/env', `TEMPTATION=${['', ...secrets.map((path) => join(directory, path))].join('|')}`,
      `${stage}/node_modules/.bin/node`, '--disable-sigusr1', '--import', hook, `${stage}/dist/server/main.js`, name,
    ],
  }));
  const front = await start('front', { network: `127.0.0.1:${port}` });
  const keeper = await start('keeper', {});
  const supervisor = run(t, [...through, `${stage}/dist/bin/wardccd`, '--config', join(directory, 'server.jsonc'), '--parts', parts]);
  await whenReady(directory, supervisor).catch((error: Error) => {
    throw new Error(`${error.message}\nfront: ${front.said()}\nkeeper: ${keeper.said()}`);
  });
  return { directory, port, supervisor, front, keeper, ...(await clientOf(t, directory, port)) };
}

/** The process of a part: by then the last below the command that waited for it. */
function processOf({ pid }: Running): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? pid : processOf({ pid: Number(children.split(' ')[0]) } as Running);
}

const statusOf = (pid: number, field: string): string => new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';

async function tempt(part: Running): Promise<Record<string, string>> {
  process.kill(processOf(part), 'SIGUSR2');
  await until(() => /^tempted .*\n/m.test(part.said()), () => part.said());
  return JSON.parse(/^tempted (.*)$/m.exec(part.said())?.[1] ?? '') as Record<string, string>;
}

test.serial('front and keeper serve a supervisor that is not their parent, with no more than their units permit, and end with it', async (t) => {
  const server = await startUnits(t);
  const { status, said } = await server.compile('int answer(void) { return 42; }\n');
  t.is(status, 0, said);
  t.regex(said, /^wardcc: remote: a\.c/m);

  for (const [name, part] of [['front', server.front], ['keeper', server.keeper]] as const) {
    const pid = processOf(part);
    t.is(Number(statusOf(pid, 'Uid').split('\t')[0]), await uidOf(users[name]), name);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) t.is(BigInt(`0x${statusOf(pid, set)}`), 0n, `${name} ${set}`);
    t.is(statusOf(pid, 'NoNewPrivs'), '1');
    t.is(statusOf(pid, 'Seccomp'), '2');
    t.regex(readFileSync(`/proc/${pid}/limits`, 'latin1'), /^Max core file size +0 +0 /m);
    t.is(statSync(`/proc/${pid}/environ`).uid, 0, `${name} could be dumped`);
  }
  // The supervisor has no socket on the network: the port is systemd's and the front's.
  const { stdout } = await execute('ss', ['--tcp', '--listening', '--numeric', '--processes', `sport = :${server.port}`]);
  t.false(stdout.includes(`pid=${server.supervisor.pid},`));

  const front = await tempt(server.front);
  const at = (path: string): string => join(server.directory, path);
  t.is(front['exec'], 'EPERM');
  t.is(front[`read ${at('server.key')}`], 'done');
  for (const path of ['state/keeper/result-key.pem', 'state/slots/x', 'log/x']) t.regex(front[`read ${at(path)}`] ?? '', /^(EACCES|ENOENT)$/, path);
  for (const path of ['state/keeper/x', 'state/slots/x', 'log/x', 'run/x', 'x']) t.regex(front[`write ${at(path)}`] ?? '', /^(EACCES|EROFS)$/, path);
  for (const path of ['state/results/x', 'state/front/x']) t.is(front[`write ${at(path)}`], 'done', path);

  const keeper = await tempt(server.keeper);
  t.is(keeper['exec'], 'EPERM');
  t.is(keeper['network'], 'EAFNOSUPPORT');
  t.regex(keeper[`read ${at('server.key')}`] ?? '', /^EACCES$/);
  for (const path of ['state/results/x', 'state/front/x', 'run/x', 'x']) t.regex(keeper[`write ${at(path)}`] ?? '', /^(EACCES|EROFS)$/, path);
  t.is(keeper[`write ${at('log/x')}`], 'done');

  process.kill(server.supervisor.pid, 'SIGTERM');
  t.is(await server.supervisor.ended, 0, server.supervisor.said());
  t.is(await server.front.ended, 0, server.front.said());
  t.is(await server.keeper.ended, 0, server.keeper.said());
});

test.serial('a part takes its configuration from root alone', async (t) => {
  const directory = await temporaryDirectory(t);
  const socket = join(directory, 'start.sock');
  const { stage, through } = await stagePrograms(t);
  const part = run(t, [...through, 'systemd-socket-activate', `--listen=${socket}`, '--fdname=start', `${stage}/dist/bin/wardccd`, 'keeper']);
  await until(() => existsSync(socket), () => part.said());
  await execute('chmod', ['711', directory]);
  await execute('chmod', ['666', socket]);
  const ask = `import socket; s = socket.socket(socket.AF_UNIX); s.connect('${socket}'); print(len(s.recv(1)))`;
  const { stdout } = await execute('setpriv', ['--reuid', users.slots[0] as string, '--regid', users.group, '--clear-groups', '/usr/bin/python3', '-c', ask]);
  t.is(stdout, '0\n', 'closed unheard');
  const root = connect(socket);
  root.on('error', () => {});
  root.write('no JSON\n');
  t.is(await part.ended, 1);
  t.regex(part.said(), /wardccd keeper: The line of configuration is not JSON\./);
  t.is(part.said().match(/keeper:/g)?.length, 1, 'and said nothing about the other one');
});

test.serial('the places that tmpfiles.d makes are those that the supervisor makes', async (t) => {
  const directory = await writeServer(t, users);
  const config = await loadServerConfig(join(directory, 'server.jsonc'));
  preparePlaces(config, await findAccounts(config));
  const lines = readFileSync(unitFile('wardcc.tmpfiles'), 'utf8').split('\n').filter((line) => line.startsWith('d '));
  t.is(lines.length, 10);
  for (const line of lines) {
    const [, path, mode, user, group] = line.split(/\s+/) as [string, string, string, string, string];
    // Made by the units of the sockets too, and by nobody else.
    if (path === '/run/wardcc/start') continue;
    const place = path.replace('/run/wardcc', config.run).replace('/var/lib/wardcc', config.state).replace('/var/log/wardcc', config.log);
    const { stdout } = await execute('stat', ['-c', '%a %U %G', place]);
    const named = (name: string): string => name.replace(/^wardcc-/, 'wardcc-u-');
    t.is(stdout.trim(), `${mode.replace(/^0/, '')} ${named(user)} ${named(group)}`, path);
  }
});

test.serial('systemd-sysusers and systemd-tmpfiles take the shipped files', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'etc'), { recursive: true });
  await execute('systemd-sysusers', [`--root=${root}`, unitFile('wardcc.sysusers')]);
  const { stderr } = await execute('systemd-tmpfiles', [`--root=${root}`, '--create', unitFile('wardcc.tmpfiles')]);
  t.is(stderr, '');
  t.true(existsSync(join(root, 'var/lib/wardcc/store')));
  const accounts = readFileSync(join(root, 'etc/passwd'), 'utf8');
  for (const name of ['wardcc-front', 'wardcc-keeper', 'wardcc-slot0']) t.regex(accounts, new RegExp(`^${name}:`, 'm'));
});
