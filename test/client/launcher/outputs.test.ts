import { execFileSync } from 'node:child_process';
import {
  chmodSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ask, createBench, eventually, exited } from './bench.ts';

const leftovers = (directory: string): string[] => readdirSync(directory).filter((name) => name.startsWith('.wardcc'));
const isRoot = process.geteuid!() === 0;

test('writes what a server made, silently, with the mode the umask allows', async (t) => {
  const { run, work } = await createBench(t);
  const object = join(work, 'a.o');
  const result = await run(['gcc', '-c', 'a.c'], {
    script: {
      outputs: [
        { path: object, text: 'object' },
        { path: join(work, 'a.d'), text: 'a.o: a.c\n' },
        { path: 'run.sh', mode: 0o777, text: '#' },
      ],
    },
  });
  t.deepEqual(result, exited(0));
  t.is(readFileSync(object, 'utf8'), 'object');
  t.is(readFileSync(join(work, 'a.d'), 'utf8'), 'a.o: a.c\n');
  const mask = process.umask();
  t.is(statSync(object).mode & 0o777, 0o666 & ~mask);
  t.is(statSync(join(work, 'run.sh')).mode & 0o777, 0o777 & ~mask);
  t.deepEqual(leftovers(work), []);
});

test('passes on status, stdout and stderr of a failed compile and writes nothing', async (t) => {
  const { run, work } = await createBench(t);
  const result = await run(['gcc', '-c', 'a.c'], { script: { stdout: 'to out', stderr: 'a.c:1:1: error\n', code: 3 } });
  t.deepEqual(result, { code: 3, signal: null, stdout: 'to out', stderr: 'a.c:1:1: error\n' });
  t.deepEqual(readdirSync(work), ['a.c']);
});

test('exits with 128 + signal if the compiler died of one', async (t) => {
  const { run } = await createBench(t);
  t.is((await run(['gcc', '-c', 'a.c'], { script: { signal: 11 } })).code, 139);
});

test('replaces an output in one step: a hard link keeps the old content', async (t) => {
  const { run, work } = await createBench(t);
  const object = join(work, 'a.o');
  writeFileSync(object, 'old', { mode: 0o444 });
  linkSync(object, join(work, 'other'));
  t.is((await run(['gcc', '-c', 'a.c'], { script: { outputs: [{ path: object, text: 'new' }] } })).code, 0);
  t.is(readFileSync(object, 'utf8'), 'new');
  t.is(readFileSync(join(work, 'other'), 'utf8'), 'old');
});

test('carries outputs of many megabytes and of no bytes', async (t) => {
  const { run, work } = await createBench(t);
  const outputs = [{ path: 'big.o', bytes: 20_000_000 }, { path: 'empty.d', bytes: 0 }];
  t.is((await run(['gcc', '-c', 'a.c'], { script: { outputs } })).code, 0);
  t.is(statSync(join(work, 'big.o')).size, 20_000_000);
  t.is(statSync(join(work, 'empty.d')).size, 0);
});

test('lets the compiler do it where the target is a link, and leaves the link and its target alone', async (t) => {
  const { run, work } = await createBench(t);
  writeFileSync(join(work, 'real'), 'precious');
  symlinkSync('real', join(work, 'a.o'));
  writeFileSync(join(work, 'cc'), '#!/bin/sh\necho compiled here\n', { mode: 0o755 });
  const result = await run(['./cc', '-c', 'a.c'], { script: { outputs: [{ path: join(work, 'a.o'), text: 'new' }] } });
  t.is(result.stdout, 'compiled here\n');
  t.is(result.code, 0);
  t.is(readlinkSync(join(work, 'a.o')), 'real');
  t.is(readFileSync(join(work, 'real'), 'utf8'), 'precious');
});

test('lets the compiler do it where the target is a fifo or /dev/null', async (t) => {
  const { run, work } = await createBench(t);
  execFileSync('mkfifo', [join(work, 'pipe')]);
  writeFileSync(join(work, 'cc'), '#!/bin/sh\necho compiled here\n', { mode: 0o755 });
  for (const path of [join(work, 'pipe'), '/dev/null']) {
    const outputs = [{ path: join(work, 'a.d'), text: 'd' }, { path, text: 'new' }];
    const result = await run(['./cc', '-c', 'a.c'], { script: { outputs } });
    t.deepEqual(result, exited(0, { stdout: 'compiled here\n' }));
  }
  t.true(statSync('/dev/null').isCharacterDevice());
  t.deepEqual(leftovers(work), []);
  t.false(existsSync(join(work, 'a.d')));
});

test('names the output and exits with 1 where its directory is missing', async (t) => {
  const { run, work } = await createBench(t);
  const outputs = [{ path: join(work, 'a.o'), text: 'x' }, { path: join(work, 'no/a.d'), text: 'd' }];
  const result = await run(['gcc', '-c', 'a.c'], { script: { outputs } });
  t.is(result.code, 1);
  t.is(result.stderr, `gcc: fatal error: cannot write ${join(work, 'no/a.d')}: No such file or directory\ncompilation terminated.\n`);
  t.deepEqual(readdirSync(work), ['a.c']);
});

/** Root may write anywhere, unless it runs without capabilities. */
const withoutPrivilege = (launcher: string): { program: string; before: string[] } =>
  isRoot ? { program: 'setpriv', before: ['--inh-caps=-all', '--bounding-set=-all', launcher] } : { program: launcher, before: [] };

test('writes in place where the directory is read-only but the file is not', async (t) => {
  const { run, work, launcher } = await createBench(t);
  const { program, before } = withoutPrivilege(launcher);
  const sealed = join(work, 'sealed');
  mkdirSync(sealed);
  writeFileSync(join(sealed, 'a.o'), 'a longer old text');
  const inode = statSync(join(sealed, 'a.o')).ino;
  chmodSync(sealed, 0o555);
  t.teardown(() => chmodSync(sealed, 0o755));
  const compile = (name: string): ReturnType<typeof run> =>
    run([...before, 'gcc', '-c', 'a.c'], { program, script: { outputs: [{ path: join(sealed, name), text: 'new' }] } });
  const written = await compile('a.o');
  t.deepEqual(written, exited(0));
  t.is(readFileSync(join(sealed, 'a.o'), 'utf8'), 'new');
  t.is(statSync(join(sealed, 'a.o')).ino, inode);
  const refused = await compile('b.o');
  t.is(refused.code, 1);
  t.is(refused.stderr, `gcc: fatal error: cannot write ${join(sealed, 'b.o')}: Permission denied\ncompilation terminated.\n`);
});

test('says that the disk is full, as the compiler would, and leaves no temporary', async (t) => {
  const { run, work, launcher, agentArguments } = await createBench(t);
  agentArguments('--idle-ms', '300');
  mkdirSync(join(work, 'full'));
  const command = `mount -t tmpfs -o size=64k none full && cd full && '${launcher}' gcc -c ../a.c; echo $?; ls -A`;
  const result = await run(['-rm', 'sh', '-c', command], {
    program: 'unshare',
    script: { outputs: [{ path: 'a.o', bytes: 1_000_000 }] },
  });
  t.is(result.stderr, 'gcc: fatal error: cannot write a.o: No space left on device\ncompilation terminated.\n');
  t.is(result.stdout, '1\n');
});

test('leaves the old output and no temporary where the file cannot be written to its end', async (t) => {
  const { run, work, launcher } = await createBench(t);
  writeFileSync(join(work, 'a.o'), 'old');
  const result = await run(['-c', `trap "" XFSZ; ulimit -f 100; exec '${launcher}' gcc -c a.c`], {
    program: '/bin/sh',
    script: { outputs: [{ path: join(work, 'a.o'), bytes: 1_000_000 }] },
  });
  t.is(result.code, 1);
  t.is(result.stderr, `gcc: fatal error: cannot write ${join(work, 'a.o')}: File too large\ncompilation terminated.\n`);
  t.is(readFileSync(join(work, 'a.o'), 'utf8'), 'old');
  t.deepEqual(leftovers(work), []);
  const killed = await run(['-c', `ulimit -f 100; exec '${launcher}' gcc -c a.c`], {
    program: '/bin/sh',
    script: { outputs: [{ path: 'b.o', bytes: 1_000_000 }] },
  });
  t.is(killed.signal, 'SIGXFSZ');
  t.deepEqual(leftovers(work), []);
});

test('discards outputs that came before the agent said no', async (t) => {
  const { run, work } = await createBench(t);
  const result = await run(['gcc', '-c', 'a.c'], {
    script: { outputs: [{ path: join(work, 'a.o'), text: 'x' }], how: 'denied', message: 'wardcc: refused by rule 7\n', exit: 113 },
  });
  t.deepEqual(result, exited(113, { stderr: 'wardcc: refused by rule 7\n' }));
  t.deepEqual(readdirSync(work), ['a.c']);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`removes temporaries and dies of ${signal}, and the job is cancelled`, async (t) => {
    const bench = await createBench(t);
    const { start, work } = bench;
    const script = { outputs: [{ path: join(work, 'a.o'), text: 'x' }], until: join(work, 'never') };
    const child = start(['gcc', '-c', 'a.c'], { script });
    const end = new Promise((resolve) => child.once('close', (code, name) => resolve([code, name])));
    t.true(await eventually(() => leftovers(work).length === 1));
    child.kill(signal);
    t.deepEqual(await end, [null, signal]);
    t.deepEqual(readdirSync(work), ['a.c']);
    t.true(await eventually(async () => (await ask(bench, { command: 'stats' })).jobs.cancelled === 1));
  });
}

test('writes to a path that is longer than a socket address and to one that was renamed meanwhile', async (t) => {
  const { start, work } = await createBench(t);
  const deep = join(work, 'd'.repeat(200), 'e'.repeat(200));
  mkdirSync(deep, { recursive: true });
  const go = join(work, 'go');
  const child = start(['gcc', '-c', 'a.c'], { script: { outputs: [{ path: join(deep, 'a.o'), text: 'x' }], until: go } });
  const end = new Promise((resolve) => child.once('close', resolve));
  t.true(await eventually(() => leftovers(deep).length === 1));
  renameSync(deep, join(work, 'moved'));
  writeFileSync(go, '');
  t.is(await end, 0);
  t.is(readFileSync(join(work, 'moved', 'a.o'), 'utf8'), 'x');
});
