import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { nativeDirectory } from '../../../server/native/load.ts';
import { isRoot, slotOwner } from '../../fixtures/executor.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const helper = join(nativeDirectory(), 'wardcc-slot');
const owner = slotOwner === undefined ? [] : ['--uid', String(slotOwner.uid), '--gid', String(slotOwner.gid)];
const expectedUid = slotOwner?.uid ?? process.getuid!();

const place = async (t: ExecutionContext): Promise<string> => {
  const directory = await temporaryDirectory(t);
  chmodSync(directory, 0o755);
  if (slotOwner !== undefined) chownSync(directory, slotOwner.uid, slotOwner.gid);
  return directory;
};

const shell = (script: string, ...options: string[]) =>
  spawnSync(helper, [...options, ...owner, '--', '/bin/sh', '-c', script], { encoding: 'utf8' });

test("the command runs as the slot's user, with no capability, no new privileges, no core dumps and no other groups", (t) => {
  const { stdout, status } = shell('id -u; id -G | wc -w; ulimit -c; grep -E "^(Cap|NoNewPrivs)" /proc/self/status');
  t.is(status, 0);
  const none = '0000000000000000';
  t.is(
    stdout.replaceAll('\t', ' '),
    [expectedUid, 1, 0, ...['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((name) => `Cap${name}: ${none}`), 'NoNewPrivs: 1', ''].join('\n'),
  );
});

test("the slot's file systems are noexec, nosuid, nodev, of the given sizes, and seen by nobody else", async (t) => {
  const directory = await place(t);
  const slot = join(directory, 'slot');
  const { stdout, stderr } = shell(
    `cd '${slot}'; stat -f -c '%b %c %T' .; stat -c '%a %u' .; grep wardcc-slot /proc/mounts; cp /bin/true t; ./t 2>&1 | grep -c 'Permission denied'; ls`,
    '--tmpfs',
    slot,
    '1048576',
    '50',
  );
  const lines = stdout.trim().split('\n');
  t.is(lines[0], '256 50 tmpfs', stderr);
  t.is(lines[1], `700 ${expectedUid}`);
  for (const option of ['nosuid', 'nodev', 'noexec']) t.true(lines[2]!.includes(option), option);
  t.deepEqual(lines.slice(3), ['1', 't']);
  t.deepEqual(readdirSync(slot), []);
});

test('it sees its own processes and no others', (t) => {
  const { stdout } = shell('echo $$; ls /proc | grep -c "^[0-9]"');
  const [pid, count] = stdout.trim().split('\n').map(Number);
  t.true(pid! < 10);
  t.true(count! < 10);
});

test('no descriptor but standard input, output, error and the report comes through', (t) => {
  const fd = openSync('/etc/hostname', 'r');
  const { stdout } = spawnSync(helper, [...owner, '--', '/bin/sh', '-c', 'ls /proc/$$/fd'], {
    stdio: ['ignore', 'pipe', 'pipe', fd, fd, fd],
    encoding: 'utf8',
  });
  closeSync(fd);
  t.is(
    stdout
      .trim()
      .split('\n')
      .filter((name) => Number(name) < 10)
      .join(),
    '0,1,2,3',
  );
});

test('it tells of orphans that were collected', (t) => {
  const { stdout } = shell('(sleep 0.05 & echo $!); sleep 0.3; od -An -tu4 -N4 <&3');
  const [orphan, told] = stdout.trim().split('\n').map(Number);
  t.is(told, orphan);
});

test("the command's exit status, and 128 + signal, are passed on", (t) => {
  t.is(shell('exit 42').status, 42);
  t.is(shell('kill -9 $$').status, 137);
});

test('limits are set for good', (t) => {
  const { stdout } = shell('ulimit -n; ulimit -n 200 2>&1 | grep -c .', '--limit', 'nofile', '100');
  t.is(stdout, '100\n1\n');
});

for (const victim of ['the helper itself', 'the first process in the slot', 'the command'] as const) {
  test(`when ${victim} is killed, nothing in the slot lives on`, async (t) => {
    const mark = `${Math.floor(Math.random() * 1e6) + 1e6}.5`;
    const child = spawn(helper, [...owner, '--', '/bin/sh', '-c', `setsid sleep ${mark} & setsid sleep ${mark} & echo up; sleep ${mark}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout!, 'data');
    const below = (pid: number): number[] =>
      spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
        .stdout.trim()
        .split('\n')
        .filter(Boolean)
        .map(Number);
    const [first] = below(child.pid!);
    const command = below(first!).find((pid) => below(pid).length > 0) ?? below(first!)[0]!;
    const ended = once(child, 'exit');
    process.kill(victim === 'the helper itself' ? child.pid! : victim === 'the command' ? command : first!, 'SIGKILL');
    await ended;
    const alive = () => spawnSync('pgrep', ['-f', `sleep ${mark}`]).status === 0;
    for (let attempt = 0; alive() && attempt < 1000; attempt++) await new Promise((resolve) => setTimeout(resolve, 10));
    t.false(alive());
  });
}

test('SIGTERM ends the slot', async (t) => {
  const child = spawn(helper, [...owner, '--', '/bin/sh', '-c', 'trap "" TERM; echo up; sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [137, null]);
});

const refusals: [string, string[], string][] = [
  ['an unknown option', ['--wrong', '--', '/bin/true'], 'wardcc-slot: unknown, incomplete or too many options\n'],
  ['an option without its value', ['--cgroup'], 'wardcc-slot: unknown, incomplete or too many options\n'],
  ['a size that is no number', ['--tmpfs', '/x', '1k', '5', '--', '/bin/true'], 'wardcc-slot: a number is expected\n'],
  ['a negative number', ['--tmpfs', '/x', '-1', '5', '--', '/bin/true'], 'wardcc-slot: a number is expected\n'],
  ['an unknown limit', ['--limit', 'luck', '5', '--', '/bin/true'], 'wardcc-slot: unknown limit\n'],
  ['no command', [...owner, '--'], 'wardcc-slot: no command after --\n'],
  [
    'a cgroup that is not there',
    [...owner, '--cgroup', '/nowhere/cgroup.procs', '--', '/bin/true'],
    'wardcc-slot: write to /nowhere/cgroup.procs: No such file or directory\n',
  ],
  [
    'a place that cannot be made',
    [...owner, '--tmpfs', '/proc/none', '5', '5', '--', '/bin/true'],
    'wardcc-slot: create /proc/none: No such file or directory\n',
  ],
];
for (const [name, args, sentence] of refusals) {
  test(`${name} is refused with status 70 and a sentence, and nothing is run`, (t) => {
    const { status, stderr } = spawnSync(helper, args, { encoding: 'utf8' });
    t.is(status, 70);
    t.is(stderr, sentence);
  });
}

test(isRoot ? 'root must name another user' : 'only root may name another user', (t) => {
  const { status, stderr } = spawnSync(helper, [...(isRoot ? [] : ['--uid', '1', '--gid', '1']), '--', '/bin/true'], { encoding: 'utf8' });
  t.is(status, 70);
  t.is(
    stderr,
    isRoot ? 'wardcc-slot: root must name a --uid and a --gid that are not 0\n' : 'wardcc-slot: only root may name another uid\n',
  );
});

test('a program that does not exist ends it with status 70', (t) => {
  const { status, stderr } = spawnSync(helper, [...owner, '--', '/nowhere/program'], { encoding: 'utf8' });
  t.is(status, 70);
  t.is(stderr, 'wardcc-slot: exec /nowhere/program: No such file or directory\n');
  t.false(existsSync('/nowhere'));
});
