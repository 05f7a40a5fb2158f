/**
 * What goes wrong with a source or with an output ends as it ends with a local compiler: the same status, the same words, the
 * same files left.
 *
 * @module
 */
import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { compare, type Comparison } from '../fixtures/compare.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test);

const good = '#include <stdio.h>\nint main(void) { return puts("good") < 0; }\n';
const compilers = ['gcc', 'clang'] as const;
const isRoot = process.getuid?.() === 0;

/** Writes files: a text, or a function that does something else at that path. */
const files = (contents: Readonly<Record<string, string | ((path: string) => Promise<unknown>)>>) => async (directory: string): Promise<void> => {
  for (const [name, content] of Object.entries(contents)) {
    const path = join(directory, name);
    if (typeof content === 'string') await writeFile(path, content);
    else await content(path);
  }
};

const earlier = { 'out.o': 'an object of an earlier build', 'out.d': 'out.o: main.c' };
const toOut = ['-MMD', '-MF', 'out.d', '-c', 'main.c', '-o', 'out.o'];

interface Case extends Omit<Comparison, 'command' | 'status'> {
  /** 0 if absent; undefined where it depends on the compiler. */
  readonly status?: number | undefined;
  readonly options: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'a syntax error': { options: toOut, prepare: files({ 'main.c': 'int main(void) { return 0 }\n' }), how: 'remote', status: 1 },
  'a syntax error, where an earlier object and dependency file are': { options: toOut, prepare: files({ ...earlier, 'main.c': 'int main(void) { return 0 }\n' }), how: 'remote', status: 1 },
  'a missing header': { options: toOut, prepare: files({ 'main.c': '#include "missing.h"\nint main(void) { return 0; }\n' }), how: 'local', status: 1 },
  'a missing header, where an earlier object and dependency file are': { options: toOut, prepare: files({ ...earlier, 'main.c': '#include <no/such/header.h>\n' }), how: 'local', status: 1 },
  'an error that a header makes': { options: toOut, prepare: files({ 'main.c': '#include "bad.h"\n', 'bad.h': '#error "not today"\n' }), how: 'remote', status: 1 },
  'an error of the assembler, where an earlier object is': { options: toOut, prepare: files({ ...earlier, 'main.c': 'int main(void) { __asm__("no such instruction"); return 0; }\n' }), how: 'remote', status: 1 },
  'a syntax error, where earlier assembly is': { options: ['-S', 'main.c', '-o', 'out.o'], prepare: files({ ...earlier, 'main.c': 'int main(void) { return 0 }\n' }), how: 'remote', status: 1 },
  'a syntax error, where an earlier object is, with -pipe': { options: ['-pipe', ...toOut], prepare: files({ ...earlier, 'main.c': 'int main(void) { return 0 }\n' }), how: 'remote', status: 1 },
  'a warning that is an error': { options: ['-Wall', '-Werror', ...toOut], prepare: files({ ...earlier, 'main.c': 'int main(void) { int unused; return 0; }\n' }), how: 'remote', status: 1 },
  'a missing source': { options: toOut, prepare: files(earlier), how: 'local', status: 1 },
  'a source that is a folder': { options: toOut, prepare: files({ 'main.c': (path) => mkdir(path) }), how: 'local', status: 1 },
  'an empty source': { options: toOut, prepare: files({ 'main.c': '' }), how: 'remote' },
  'a source that is a hard link beside a header of the same file': {
    options: toOut,
    prepare: files({ 'main.c': '#ifndef ONCE\n#define ONCE\n#include "main.h"\nint main(void) { return 0; }\n#endif\n', 'main.h': (path) => link(join(path, '..', 'main.c'), path) }),
    how: 'local',
  },
  'an unknown option': { options: ['-fno-such-option-anywhere', ...toOut], prepare: files({ 'main.c': good }), how: 'local', status: 1 },
  'an option with a bad value': { options: ['-std=c1234', ...toOut], prepare: files({ 'main.c': good }), how: 'local', status: 1 },
  'an option without its value': { options: ['-c', 'main.c', '-o'], prepare: files({ 'main.c': good }), how: 'local', status: 1 },
  'two sources': { options: ['-c', 'main.c', 'other.c'], prepare: files({ 'main.c': good, 'other.c': 'int other;\n' }), how: 'local' },
  'a folder for the output that is not there': { options: ['-c', 'main.c', '-o', 'missing/out.o'], prepare: files({ 'main.c': good }), how: 'local', status: 1 },
  'an output that is a folder': { options: ['-c', 'main.c', '-o', 'folder'], prepare: files({ 'main.c': good, folder: (path) => mkdir(path) }), how: 'local', status: 1 },
  'an output that is a symbolic link': { options: toOut, prepare: files({ 'main.c': good, 'target.o': 'earlier', 'out.o': (path) => symlink('target.o', path) }), how: 'local' },
  'an output that has another name too': { options: toOut, prepare: files({ 'main.c': good, 'out.o': 'earlier', 'linked.o': (path) => link(join(path, '..', 'out.o'), path) }), how: 'remote' },
  'an output that may only be read': {
    options: toOut,
    prepare: files({ 'main.c': good, 'out.o': async (path) => { await writeFile(path, 'earlier'); await chmod(path, 0o444); } }),
    how: isRoot ? 'remote' : 'local',
    status: undefined,
  },
  '-o /dev/null': { options: ['-c', 'main.c', '-o', '/dev/null'], prepare: files({ 'main.c': good }), how: 'local' },
  'a source on standard input': { options: ['-x', 'c', '-c', '-', '-o', 'out.o'], prepare: files({ 'main.c': good }), how: 'local' },
  'assembly on standard output': { options: ['-S', 'main.c', '-o', '-'], prepare: files({ 'main.c': good }), how: 'local' },
  'a umask that leaves others nothing': { options: toOut, prepare: files({ 'main.c': good }), how: 'remote', settings: { UMASK: '077' } },
};

for (const [what, { options, ...rest }] of Object.entries(cases)) {
  for (const compiler of compilers) {
    test.serial(`${compiler}: ${what}`, async (t) => {
      const line = `umask ${rest.settings?.['UMASK'] ?? '022'}; exec "$@"`;
      await compare(t, shared, `${compiler} case`, {
        ...rest,
        status: 'status' in rest ? rest.status : 0,
        command: (launcher) => ['sh', '-c', line, 'sh', ...(launcher === '' ? [] : [launcher]), compiler, ...options],
      });
    });
  }
}

test.serial('a compiler that is missing is said by the launcher, with the status a shell uses', async (t) => {
  const directory = await shared.directory('no compiler');
  await writeFile(join(directory, 'main.c'), good);
  const { status, stderr } = await shared.run(['wardcc', 'no-such-gcc', '-c', 'main.c'], { cwd: directory });
  t.is(status, 110);
  t.regex(stderr, /^wardcc: .*no-such-gcc.*\n$/);
});

/** Takes from root what lets it write anywhere. */
const asAnybody = isRoot ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all'] : [];

test.serial('a folder that may only be read: no output, a sentence, the status of a local compiler', async (t) => {
  for (const compiler of compilers) {
    const directory = await shared.directory(`read-only ${compiler}`);
    await writeFile(join(directory, 'main.c'), good);
    await writeFile(join(directory, 'there.o'), 'earlier');
    await chmod(directory, 0o555);
    t.teardown(() => chmod(directory, 0o755));
    const local = await shared.run([...asAnybody, compiler, '-c', 'main.c', '-o', 'new.o'], { cwd: directory });
    t.not(local.status, 0);
    const { status, stderr } = await shared.run([...asAnybody, 'wardcc', compiler, '-c', 'main.c', '-o', 'new.o'], { cwd: directory });
    t.is(status, local.status, stderr);
    t.regex(stderr, /new\.o.*(Permission denied|not permitted)/);
    if (!isRoot) t.is(stderr, local.stderr);
    const inPlace = await shared.run([...asAnybody, 'wardcc', compiler, '-c', 'main.c', '-o', 'there.o'], { cwd: directory });
    t.is(inPlace.status, 0, inPlace.stderr);
    const listed = await shared.run(['sh', '-c', 'ls -A; test "$(wc -c <there.o)" -gt 500'], { cwd: directory });
    t.deepEqual({ status: listed.status, stdout: listed.stdout }, { status: 0, stdout: 'main.c\nthere.o\n' });
  }
});

// A mount namespace of its own has an agent of its own, which must end with it.
const inFullDisk = `
mount -t tmpfs -o size=256k none "$1" && cd "$1" || exit 99
printf 'int main(void) { return 0; }\\n' >main.c
i=0; while [ $i -lt 3000 ]; do echo "char const text$i[] = \\"some text that takes room in an object $i\\";"; i=$((i+1)); done >big.c
for source in main.c big.c; do
  wardcc gcc -g -c $source -o out.o
  echo "$source: $?, $(ls -A | tr '\\n' ' ')" >&2
done
wardctl stop >&2
`;

test.serial('a full disk: no output, no temporary file, a sentence that names the cause', async (t) => {
  const directory = await shared.directory('full disk');
  const { status, stderr } = await shared.run(['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', inFullDisk, 'sh', directory], { cwd: shared.place });
  t.is(status, 0, stderr);
  t.regex(stderr, /^main\.c: 0, big\.c main\.c out\.o $/m);
  t.regex(stderr, /out\.o: No space left on device/);
  t.regex(stderr, /^big\.c: 1, big\.c main\.c out\.o $/m);
});

test.serial('a file size limit: no output, no temporary file', async (t) => {
  const directory = await shared.directory('small files only');
  await writeFile(join(directory, 'big.c'), Array.from({ length: 2000 }, (_, index) => `const char text${index}[] = "text number ${index}";\n`).join(''));
  const { status } = await shared.run(['sh', '-c', 'ulimit -f 8; wardcc gcc -g -c big.c -o out.o; exit $?'], { cwd: directory });
  t.true(status !== 0);
  const { stdout } = await shared.run(['ls', '-A'], { cwd: directory });
  t.is(stdout, 'big.c\n');
});
