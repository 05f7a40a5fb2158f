import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createBench, exited, type Bench } from './bench.ts';

/** A compiler that says how it was called. */
const fakeCompiler = (path: string, name = 'fake'): void => writeFileSync(path, `#!/bin/sh\necho ${name} "$@"\n`, { mode: 0o755 });

/** An environment in which the agent cannot be asked: what still works needed none. */
const noAgent = (bench: Bench): void => rmSync(join(bench.directory, 'bin', 'wardcc-agent'));

test('becomes the compiler at once when the command has neither -c, -S, a header to compile nor a response file', async (t) => {
  const bench = await createBench(t);
  noAgent(bench);
  fakeCompiler(join(bench.work, 'cc'));
  for (const args of [['a.o', '-o', 'a'], ['-E', 'a.c'], ['--version'], ['-print-search-dirs'], [], ['-E', 'a.h'], ['-M', 'a.hpp'],
    ['-include', 'a.h', 'a.o', '-o', 'a']]) {
    t.deepEqual(await bench.run(['./cc', ...args]), exited(0, { stdout: `${['fake', ...args].join(' ')}\n` }));
  }
  for (const args of [['-c', 'a.c'], ['a.c', '-S'], ['@list'], ['--compile', 'a.c'], ['a.h', '-o', 'a.h.gch'], ['-x', 'c++-header', 'all', '-o', 'all.gch'],
    ['-xc-header', 'all']]) {
    t.is((await bench.run(['./cc', ...args])).code, 116);
  }
});

test('becomes the compiler when WARDCC_DISABLE says so, and not when it is 0', async (t) => {
  const bench = await createBench(t);
  noAgent(bench);
  fakeCompiler(join(bench.work, 'cc'));
  t.is((await bench.run(['./cc', '-c', 'a.c'], { env: { WARDCC_DISABLE: '1' } })).stdout, 'fake -c a.c\n');
  t.is((await bench.run(['./cc', '-c', 'a.c'], { env: { WARDCC_DISABLE: '0' } })).code, 116);
});

test('becomes the compiler in a deleted directory', async (t) => {
  const bench = await createBench(t);
  noAgent(bench);
  fakeCompiler(join(bench.directory, 'cc'));
  const gone = join(bench.work, 'gone');
  mkdirSync(gone);
  const command = `rmdir "$PWD" && '${bench.launcher}' '${join(bench.directory, 'cc')}' -c a.c`;
  const result = await bench.run(['-c', command], { program: '/bin/sh', cwd: gone });
  t.is(result.stdout, 'fake -c a.c\n');
});

test('passes on the exit status and the death of the compiler that it becomes', async (t) => {
  const bench = await createBench(t);
  writeFileSync(join(bench.work, 'cc'), '#!/bin/sh\n[ "$1" = die ] && kill -TERM $$\nexit 42\n', { mode: 0o755 });
  t.is((await bench.run(['./cc', 'x'])).code, 42);
  t.is((await bench.run(['./cc', 'die'])).signal, 'SIGTERM');
  t.is((await bench.run(['./cc', '-c', 'a.c'], { script: { how: 'local' } })).code, 42);
  t.is((await bench.run(['./cc', 'die', '-c'], { script: { how: 'local' } })).signal, 'SIGTERM');
});

test('called through a link named like a compiler finds the real one behind itself in PATH', async (t) => {
  const bench = await createBench(t);
  const links = join(bench.directory, 'links');
  const real = join(bench.directory, 'real');
  mkdirSync(links);
  mkdirSync(real);
  symlinkSync(bench.launcher, join(links, 'gcc'));
  symlinkSync('gcc', join(links, 'cc'));
  fakeCompiler(join(real, 'gcc'), 'real gcc');
  fakeCompiler(join(real, 'cc'), 'real cc');
  const env = { PATH: `${links}:${links}/../links:${real}:/usr/bin:/bin` };
  t.is((await bench.run(['a.o'], { program: 'gcc', env })).stdout, 'real gcc a.o\n');
  t.is((await bench.run(['a.o'], { program: join(links, 'cc'), env })).stdout, 'real cc a.o\n');
  t.is((await bench.run(['gcc', 'a.o'], { env })).stdout, 'real gcc a.o\n');
  t.is((await bench.run([join(links, 'gcc'), 'a.o'], { env })).stdout, 'real gcc a.o\n');
  t.is((await bench.run(['-c', 'a.c'], { program: 'gcc', env, script: { how: 'local' } })).stdout, 'real gcc -c a.c\n');
  t.is((await bench.run(['wardcc', bench.launcher, 'gcc', 'a.o'], { env })).stdout, 'real gcc a.o\n');
});

test('passes over another installation of wardcc', async (t) => {
  const bench = await createBench(t);
  const other = join(bench.directory, 'other');
  const links = join(bench.directory, 'links');
  for (const directory of [other, links]) mkdirSync(directory);
  copyFileSync(bench.launcher, join(other, 'wardcc'));
  symlinkSync(join(other, 'wardcc'), join(other, 'gcc'));
  symlinkSync(bench.launcher, join(links, 'gcc'));
  fakeCompiler(join(bench.work, 'gcc'), 'real');
  t.is((await bench.run(['a.o'], { program: 'gcc', env: { PATH: `${links}:${other}:${bench.work}:/usr/bin:/bin` } })).stdout, 'real a.o\n');
});

test('with nothing but itself in PATH says so and exits with 110', async (t) => {
  const bench = await createBench(t);
  const links = join(bench.directory, 'links');
  mkdirSync(links);
  symlinkSync(bench.launcher, join(links, 'gcc'));
  const result = await bench.run(['-c', 'a.c'], { program: 'gcc', env: { PATH: links } });
  t.deepEqual(result, exited(110, { stderr: 'wardcc: gcc: no such compiler in PATH besides wardcc itself\n' }));
});

test('a compiler that does not exist ends with 110, one that may not be executed with 126', async (t) => {
  const bench = await createBench(t);
  t.is((await bench.run(['no-such-compiler', '-c', 'a.c'])).code, 110);
  t.deepEqual(await bench.run(['/no/such/gcc', 'a.o']), exited(110, { stderr: 'wardcc: /no/such/gcc: No such file or directory\n' }));
  t.deepEqual(await bench.run(['./a.c', 'a.o']), exited(126, { stderr: 'wardcc: ./a.c: Permission denied\n' }));
});

test('a script in PATH that calls wardcc again and again is stopped', async (t) => {
  const bench = await createBench(t);
  writeFileSync(join(bench.work, 'gcc'), `#!/bin/sh\nexec '${bench.launcher}' gcc "$@"\n`, { mode: 0o755 });
  const result = await bench.run(['gcc', 'a.o'], { env: { PATH: `${bench.work}:/usr/bin:/bin` } });
  t.is(result.code, 110);
  t.true(result.stderr.includes('again and again: check PATH'));
});

test('runs a script without #! as a shell does', async (t) => {
  const bench = await createBench(t);
  writeFileSync(join(bench.work, 'cc'), 'echo plain "$@"\n', { mode: 0o755 });
  t.is((await bench.run(['./cc', 'a.o'])).stdout, 'plain a.o\n');
});

test('the real gcc makes the same object through wardcc as without it', async (t) => {
  const bench = await createBench(t);
  t.deepEqual(await bench.run(['gcc', '-c', '-O2', 'a.c'], { script: { how: 'local' } }), exited(0));
  execFileSync('gcc', ['-c', '-O2', 'a.c', '-o', 'plain.o'], { cwd: bench.work });
  t.deepEqual(readFileSync(join(bench.work, 'a.o')), readFileSync(join(bench.work, 'plain.o')));
});

test('a command of 100 KB arrives whole', async (t) => {
  const bench = await createBench(t);
  const names = Array.from({ length: 5000 }, (_, index) => `-DNAME_${String(index).padStart(6, '0')}=1`);
  fakeCompiler(join(bench.work, 'cc'));
  const result = await bench.run(['./cc', ...names, 'weird name "quoted" %d é', '-c', 'a.c'], { script: { how: 'local' } });
  t.is(result.stdout, `${['fake', ...names, 'weird name "quoted" %d é', '-c', 'a.c'].join(' ')}\n`);
});

test('prints its usage and its version', async (t) => {
  const bench = await createBench(t);
  t.true((await bench.run(['--help'])).stdout.startsWith('usage: wardcc COMPILER ARGUMENTS'));
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
  t.is((await bench.run(['--version'])).stdout, `wardcc ${version}\n`);
  const bare = await bench.run([]);
  t.is(bare.code, 1);
  t.true(bare.stderr.startsWith('usage: '));
});
