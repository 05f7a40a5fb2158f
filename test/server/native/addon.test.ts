import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { closeSync, lstatSync, openSync, readSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { native, statFields } from '../../../server/native/load.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const field = (state: BigInt64Array, index: number, name: Exclude<keyof typeof statFields, 'count'>): bigint =>
  state[index * statFields.count + statFields[name]]!;

test('statList says what lstat says, and with follow what stat says, in the order of the paths', async (t) => {
  const directory = await temporaryDirectory(t);
  const [file, link] = [join(directory, 'ä file'), join(directory, 'link')];
  writeFileSync(file, 'five!');
  utimesSync(file, 1_000_000_001.5, 1_000_000_002.25);
  symlinkSync('ä file', link);
  const paths = [link, file, directory];
  for (const [follow, stat] of [
    [false, lstatSync],
    [true, statSync],
  ] as const) {
    const state = native().statList(paths, follow);
    t.is(state.length, paths.length * statFields.count);
    for (const [index, path] of paths.entries()) {
      const { dev, ino, size, mtimeNs, ctimeNs, mode } = stat(path, { bigint: true });
      t.deepEqual([...state.subarray(index * statFields.count, (index + 1) * statFields.count)], [dev, ino, size, mtimeNs, ctimeNs, mode]);
    }
  }
});

test('a path that cannot be examined has mode 0 and the negative errno as its size', async (t) => {
  const directory = await temporaryDirectory(t);
  writeFileSync(join(directory, 'file'), '');
  const state = native().statList(
    [join(directory, 'missing'), join(directory, 'file/below'), `${directory}/file\0x`, '', 'x'.repeat(5000)],
    false,
  );
  for (const [index, errno] of [2n, 20n, 2n, 2n, 36n].entries()) {
    t.is(field(state, index, 'mode'), 0n);
    t.is(field(state, index, 'size'), -errno);
    t.is(field(state, index, 'inode'), 0n);
  }
});

test('statList of nothing is nothing; what is no list of strings is a TypeError', (t) => {
  t.is(native().statList([], false).length, 0);
  t.throws(() => native().statList([1] as never, false), { instanceOf: TypeError, message: 'statList: every path is a string' });
  t.throws(() => native().statList('x' as never, false), { instanceOf: TypeError });
  t.throws(() => (native().statList as (paths: string[]) => unknown)([]), { instanceOf: TypeError });
});

test('peerCredentials names the process at the other end of a unix socket', async (t) => {
  const path = join(await temporaryDirectory(t), 's');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const client = connect(path);
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    client.destroy();
    socket.destroy();
  });
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  t.deepEqual(native().peerCredentials(fd), { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() });
});

test('peerCredentials of what is no socket throws what the kernel said', (t) => {
  t.throws(() => native().peerCredentials(9999), { code: 'EBADF', message: 'EBADF: Bad file descriptor, getsockopt' });
  t.throws(() => native().peerCredentials('x' as never), { instanceOf: TypeError });
});

test('setLimit limits another process', async (t) => {
  const child = spawn('/bin/sh', ['-c', 'read x; ulimit -n; ulimit -t; ulimit -c'], { stdio: ['pipe', 'pipe', 'inherit'] });
  native().setLimit(child.pid!, 'nofile', 77, 77);
  native().setLimit(child.pid!, 'cpu', 33, 35);
  native().setLimit(child.pid!, 'core', 0, 0);
  child.stdin!.end('\n');
  let said = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => { said += text; });
  await once(child, 'close');
  t.is(said, '77\n33\n0\n');
});

test('setLimit of a process that is gone, or of an unknown resource, throws', (t) => {
  t.throws(() => native().setLimit(2 ** 22 + 1, 'nofile', 1, 1), { code: 'ESRCH' });
  t.throws(() => native().setLimit(process.pid, 'luck' as never, 1, 1), {
    instanceOf: TypeError,
    message: 'setLimit: unknown resource luck',
  });
});

test('childrenUsage grows with what children used', async (t) => {
  const before = native().childrenUsage();
  await once(spawn('/bin/sh', ['-c', 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done']), 'exit');
  const after = native().childrenUsage();
  t.true(after.userMs > before.userMs);
  t.true(after.maxRssKb > 0);
});

const collected = async (pid: number): Promise<void> => {
  while (!native().collect(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
};

test('spawn gives a program exactly the descriptors, the umask, an empty environment and the root directory', async (t) => {
  const [read, write] = native().makePipe();
  const nothing = openSync('/dev/null', 'r');
  t.teardown(() => [read, nothing].forEach((fd) => closeSync(fd)));
  const pid = native().spawn(
    '/bin/sh',
    ['name', '-c', 'echo $0; umask; pwd; env | grep -v ^PWD=; ls /proc/$$/fd', 'zero'],
    [nothing, write, write],
    0o027,
  );
  closeSync(write);
  await collected(pid);
  const bytes = Buffer.alloc(4096);
  const said = bytes.toString('utf8', 0, readSync(read, bytes)).split('\n');
  t.deepEqual(said.slice(0, 3), ['zero', '0027', '/']);
  t.deepEqual(said.slice(3, 6), ['0', '1', '2']);
});

test('spawn leaves no signal ignored or blocked', async (t) => {
  const [read, write] = native().makePipe();
  const pid = native().spawn('/bin/sh', ['sh', '-c', 'grep -E "^Sig(Blk|Ign)" /proc/self/status'], [0, write, write], 0);
  closeSync(write);
  await collected(pid);
  const bytes = Buffer.alloc(4096);
  t.is(bytes.toString('utf8', 0, readSync(read, bytes)).replaceAll('\t', ' '), 'SigBlk: 0000000000000000\nSigIgn: 0000000000000000\n');
  closeSync(read);
});

test('spawn of what cannot be run throws, and leaves no child', (t) => {
  t.throws(() => native().spawn('/nowhere/program', ['x'], [], 0), { code: 'ENOENT' });
  t.throws(() => native().spawn('/etc/passwd', ['x'], [], 0), { code: 'EACCES' });
  t.throws(() => native().spawn('/bin/true', ['x'], [9999], 0), { code: 'EBADF' });
  t.throws(() => native().spawn('/bin/true', ['a\0b'], [], 0), {
    instanceOf: TypeError,
    message: 'spawn: every argument is a string without NUL',
  });
});

test('collect tells of a child once, and of strangers never', async (t) => {
  const [input, end] = native().makePipe();
  const pid = native().spawn('/bin/sh', ['sh', '-c', 'read line'], [input], 0);
  closeSync(input);
  t.false(native().collect(pid));
  closeSync(end);
  await collected(pid);
  t.throws(() => native().collect(pid), { code: 'ECHILD' });
  t.throws(() => native().collect(1), { code: 'ECHILD' });
  t.throws(() => native().collect(-1), { code: 'ECHILD' });
});
