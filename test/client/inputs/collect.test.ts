import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, linkSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { collectInputs, InputsMemory } from '../../../client/inputs/collect.ts';
import { monotonicMs } from '../../../client/inputs/file-table.ts';
import type { Inputs } from '../../../client/inputs/types.ts';
import { decodeTree, encodeTree } from '../../../protocol/tree.ts';
import { describeToolchain } from '../../../toolchain/describe.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { commandOf, compileHere, compileInCopy } from './copy.ts';

type Files = Readonly<Record<string, string>>;
type Method = 'scanner' | 'compiler';
const methods: Method[] = ['scanner', 'compiler'];
const toolchains = new Map(['/usr/bin/gcc', '/usr/bin/g++', '/usr/bin/clang', '/usr/bin/clang++'].map((name) => [name,
  describeToolchain(name)]));

const lay = (root: string, files: Files): void => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
};

interface Options {
  readonly compiler?: string;
  readonly method?: Method;
  readonly env?: Record<string, string>;
  readonly memory?: InputsMemory;
}

const collect = async (root: string, args: string[], { compiler = '/usr/bin/gcc', method = 'scanner', env = {},
  memory = new InputsMemory() }: Options = {}): Promise<Inputs> => {
  const command = await commandOf([compiler, ...args], root, env);
  return collectInputs(command, await (toolchains.get(compiler) as ReturnType<typeof describeToolchain>), { memory, method });
};

const own = (inputs: Inputs, root: string): string[] => inputs.entries.filter(({ path, kind }) => kind !== 'directory' &&
  path.startsWith(`${root}/`)).map(({ path }) => path.slice(root.length + 1));

/** Compiles here and in the copy; everything must be the same. */
const sameInCopy = async (t: ExecutionContext, root: string, args: string[], options: Options = {}): Promise<Inputs> => {
  const { compiler = '/usr/bin/gcc', env = {} } = options;
  const inputs = await collect(root, args, options);
  t.is(inputs.reason, undefined, JSON.stringify(inputs.reason));
  const command = await commandOf([compiler, ...args], root, env);
  const there = await compileInCopy(command, inputs, await (toolchains.get(compiler) as ReturnType<typeof describeToolchain>),
    await temporaryDirectory(t));
  const here = await compileHere(command);
  t.is(there.stderr, here.stderr);
  t.is(there.code, here.code);
  t.deepEqual(there.object, here.object);
  t.notThrows(() => decodeTree(encodeTree(inputs.entries)));
  return inputs;
};

test('a job that is cancelled takes no other job with it that asks its compiler the same', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': 'int main(void) { return 0; }\n' });
  const memory = new InputsMemory();
  const command = await commandOf(['/usr/bin/gcc', '-c', 'main.c'], root, {});
  const toolchain = await (toolchains.get('/usr/bin/gcc') as ReturnType<typeof describeToolchain>);
  const ending = new AbortController();
  const first = collectInputs(command, toolchain, { memory, signal: ending.signal }).catch(() => {});
  const second = collectInputs(command, toolchain, { memory });
  ending.abort();
  t.deepEqual(own(await second, root), ['main.c']);
  await first;
});

/** The same for gcc and clang, which take in exactly these files. */
const bothTake = async (t: ExecutionContext, root: string, args: string[], method: Method, files: string[]): Promise<void> => {
  for (const compiler of ['/usr/bin/gcc', '/usr/bin/clang']) t.deepEqual(own(await sameInCopy(t, root, args, { compiler, method }), root), files);
};

for (const method of methods) {
  for (const compiler of ['/usr/bin/gcc', '/usr/bin/clang']) {
    test(`${method}, ${compiler}: system headers, links, shadows, forced headers and odd names`, async (t) => {
      const root = await temporaryDirectory(t);
      lay(root, {
        'main.c': '#include <stdio.h>\n#include "a#b $c.h"\n#include <next.h>\nint main(void) { return puts(NAME FORCED) + A + B; }\n',
        'inc/a#b $c.h': '#define NAME "x"\n', 'forced.h': '#define FORCED "f"\n',
        'A/next.h': '#include_next <next.h>\n#define A 1\n', 'B/next.h': '#define B 2\n',
      });
      symlinkSync('inc', join(root, 'link to inc'));
      const inputs = await sameInCopy(t, root, ['-Ilink to inc', '-I', 'A', '-isystem', 'B', '-include', 'forced.h', '-g', '-Wall', '-c',
        'main.c', '-o', 'main.o'], { compiler, method });
      t.deepEqual(own(inputs, root), ['A/next.h', 'B/next.h', 'forced.h', 'inc/a#b $c.h', 'link to inc', 'main.c']);
    });

    test(`${method}, ${compiler}: a header that is only asked for, and one that the assembler reads`, async (t) => {
      const root = await temporaryDirectory(t);
      lay(root, {
        'main.c': '#if __has_include("there.h") && !__has_include("absent.h")\nint there;\n#endif\nasm(".incbin \\"data/x.bin\\"");\n',
          'there.h': '#error never\n', 'data/x.bin': 'bytes',
      });
      const inputs = await sameInCopy(t, root, ['-c', 'main.c'], { compiler, method });
      t.deepEqual(own(inputs, root), ['data/x.bin', 'main.c', 'there.h']);
    });
  }

  test(`${method}: a command that looks for headers nowhere`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'main.c': '#include "a.h"\n', 'a.h': 'int a;\n' });
    await bothTake(t, root, ['-nostdinc', '-c', 'main.c'], method, ['a.h', 'main.c']);
  });

  test(`${method}: assembler sources with a preprocessor, and what they include`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'm.S': '#include "n.h"\n.include "o.inc"\nmov $N, %eax\n', 'n.h': '#define N 3\n', 'o.inc': '.include "p.inc"\n',
      'p.inc': '.byte 7\n' });
    t.deepEqual(own(await sameInCopy(t, root, ['-c', 'm.S', '-o', 'm.o'], { method }), root), ['m.S', 'n.h', 'o.inc', 'p.inc']);
  });

  test(`${method}: what -MD, -Wp,-MD and the environment would write is left alone while inputs are collected`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'main.c': '#include "a.h"\n', 'a.h': '' });
    for (const args of [['-MD', '-MF', 'x.d', '-MT', 'a b'], ['-MMD'], ['-Wp,-MD,y.d'], ['-fstack-usage'], ['-g', '-gsplit-dwarf'],
      ['--coverage']]) {
      t.deepEqual(own(await collect(root, [...args, '-c', 'main.c', '-o', 'main.o'], { method }), root), ['a.h', 'main.c']);
    }
    t.deepEqual(readdirSync(root).sort(), ['a.h', 'main.c']);
  });

  test(`${method}: what a macro named like a question asks for is there`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, {
      'main.c': '#include "has.h"\n#if MY_HAS_INCLUDE(<deep/x.h>) && MY_HAS_INCLUDE("y.h") && HAS_Z && !MY_HAS_INCLUDE(<absent>)\nint yes;\n#endif\n',
      'has.h': '#ifdef __has_include\n#define MY_HAS_INCLUDE(x) __has_include(x)\n#else\n#define MY_HAS_INCLUDE(x) 0\n#endif\n'
        + '#define HAS_Z __has_include(<z>)\n',
      'inc/deep/x.h': '', 'y.h': '', 'inc/z': '',
    });
    await bothTake(t, root, ['-Iinc', '-c', 'main.c', '-o', 'main.o'], method, ['has.h', 'inc/deep/x.h', 'inc/z', 'main.c', 'y.h']);
  });

  test(`${method}: a macro can ask for headers whose names glibc also gives to functions with 64-bit times`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, {
      'main.c': '#include "has.h"\n#include <fcntl.h>\n#include <time.h>\n#if MY_HAS_INCLUDE(<fcntl.h>) && MY_HAS_INCLUDE(<sys/time.h>)\nint yes;\n#endif\n',
      'has.h': '#define MY_HAS_INCLUDE(x) __has_include(x)\n#ifdef NEVER\n#define fcntl __fcntl_time64\n#define time __time64\n#endif\n',
    });
    await bothTake(t, root, ['-c', 'main.c', '-o', 'main.o'], method, ['has.h', 'main.c']);
    lay(root, { 'inc/__fcntl_time64.h': '' });
    t.true(own(await collect(root, ['-Iinc', '-c', 'main.c'], { method }), root).includes('inc/__fcntl_time64.h'), 'and then may mean these');
    t.is((await collect(root, ['-Dfcntl=__fcntl', '-c', 'main.c'], { method })).reason?.code, 'computed-has-include',
      'which says nothing of other names that a compiler can have a meaning for');
  });

  test(`${method}: what a macro asks for is there under every name that it can have, beside every file`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, {
      'main.c': '#include <has.h>\n#include "sub/s.h"\n#if A && B && C\nint main_has;\n#endif\n',
      'inc/has.h': '#define A __has_include(<D/x.h>)\n#ifdef NO\n#define D wrong\n#else\n#define D E\n#endif\n#define E deep\n'
        + '#define B __has_include("beside.h")\n#define C __has_include(<stddef.h>)\n#define stddef(x) (x)\n#define empty\n',
      'sub/s.h': '#if B\nint sub_has;\n#endif\n', 'inc/deep/x.h': '', 'sub/beside.h': '',
    });
    await bothTake(t, root, ['-Iinc', '-c', 'main.c', '-o', 'main.o'], method, ['inc/deep/x.h', 'inc/has.h', 'main.c', 'sub/beside.h', 'sub/s.h']);
    const memory = new InputsMemory();
    const collected = async (args: string[]): Promise<Inputs> => collect(root, ['-Iinc', ...args, '-c', 'main.c'], { method, memory });
    await collected([]);
    t.is((await collected(['-Dstddef=f(1)'])).reason?.code, 'computed-has-include', 'a definition that is more than a name');
    lay(root, { 'inc/deep/y.h': '', 'beside.h': '' });
    t.true(own(await collected([]), root).includes('beside.h'), 'one that appears is noticed');
    t.true(own(await collected(['-Dx=y']), root).includes('inc/deep/y.h'));
    appendFileSync(join(root, 'inc/has.h'), '#define x y\n');
    t.true(own(await collected([]), root).includes('inc/deep/y.h'), 'also of a macro that begins to be one');
  });

  test(`${method}: an input that keeps a command local says why`, async (t) => {
    const cases: [Files, string, ((root: string) => void)?][] = [
      [{ 'main.c': '#include "t.h"', 't.h': 'const char *t = __DATE__;' }, 'time-macro'],
      [{ 'main.c': 'const char *t = __TIMESTAMP__;' }, 'time-macro'],
      [{ 'main.c': '#define HAS(x) __has_include(x)\n#if HAS("a.h")\n#endif' }, 'computed-has-include'],
      [{ 'main.c': '#define HAS __has_include\n#if HAS("a.h")\n#endif' }, 'computed-has-include'],
      [{ 'main.c': '#define HAS __has_include(<D/a.h>)\n#define D deep/ /**/ er\n#if HAS\n#endif' }, 'computed-has-include'],
      [{ 'main.c': '#define F "x"\nasm(".incbin \\"" F "\\"");' }, 'assembler-file'],
      [{ 'main.c': '#include "a.h"', 'a.h': '', 'a.h.gch': '' }, 'precompiled-header'],
      [{ 'main.c': '#include "a.h"', 'a.h': '', 'a.h.pch': '' }, 'precompiled-header'],
      [{ 'main.c': '#include "a.h"', 'a.h': '' }, 'input-twice', (root) => {
        linkSync(join(root, 'a.h'), join(root, 'b.h'));
        writeFileSync(join(root, 'main.c'), '#include "a.h"\n#include "b.h"\n');
      }],
      [{ 'main.c': '#include "/etc/hostname"' }, 'system-file'],
    ];
    for (const [files, code, prepare] of cases) {
      const root = await temporaryDirectory(t);
      lay(root, files);
      prepare?.(root);
      const inputs = await collect(root, ['-w', '-c', 'main.c'], { method });
      t.is(inputs.reason?.code, code as NonNullable<typeof inputs.reason>['code'], JSON.stringify(files));
      t.deepEqual(inputs.entries, []);
      t.is(inputs.how, 'none');
    }
  });

  test(`${method}: a date that SOURCE_DATE_EPOCH fixes travels with gcc`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'main.c': 'const char *t = __DATE__ __TIME__;\n' });
    await sameInCopy(t, root, ['-c', 'main.c'], { method, env: { SOURCE_DATE_EPOCH: '1600000000' } });
    t.is((await collect(root, ['-c', 'main.c'], { method, compiler: '/usr/bin/clang',
      env: { SOURCE_DATE_EPOCH: '1600000000' } })).reason?.code, 'time-macro');
  });

  test(`${method}: directories that the environment adds to the search path`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'main.c': '#include <a.h>\n#include <b.h>\n', 'one/a.h': '', 'two/b.h': 'int b;\n' });
    const inputs = await sameInCopy(t, root, ['-c', 'main.c'], { method, env: { CPATH: 'one', C_INCLUDE_PATH: join(root, 'two') } });
    t.deepEqual(own(inputs, root), ['main.c', 'one/a.h', 'two/b.h']);
  });

  test(`${method}: identical headers with #pragma once are as different as they are here`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'main.c': '#include "a/x.h"\n#include "b/x.h"\n#include "c/x.h"\n', 'a/x.h': '#pragma once\nasm("nop");\n',
      'b/x.h': '#pragma once\nasm("nop");\n', 'c/x.h': '#pragma once\nasm("nop");\n' });
    utimesSync(join(root, 'a/x.h'), 1000, 1000);
    utimesSync(join(root, 'b/x.h'), 1000, 1000);
    utimesSync(join(root, 'c/x.h'), 2000, 2000);
    for (const compiler of ['/usr/bin/gcc', '/usr/bin/clang']) await sameInCopy(t, root, ['-c', 'main.c'], { method, compiler });
  });

  test(`${method}: C++ with the standard library`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'main.cc': '#include <vector>\n#include <string>\nint f() { std::vector<std::string> v{"a"}; return v.size(); }\n' });
    for (const compiler of ['/usr/bin/g++', '/usr/bin/clang++']) await sameInCopy(t, root, ['-std=c++17', '-c', 'main.cc'], { method,
      compiler });
  });

  test(`${method}: a source behind a link, and a directory known by another name`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'real/src/main.c': '#include "../inc/a.h"\n', 'real/inc/a.h': 'int a;\n', 'other/inc/a.h': 'int wrong;\n', 'other/x': '' });
    symlinkSync('../real/src', join(root, 'other/src'));
    t.deepEqual(own(await sameInCopy(t, root, ['-g', '-c', 'other/src/main.c', '-o', 'other/main.o'], { method }), root), ['other/src',
      'real/inc/a.h', 'real/src/main.c']);
  });
}

test('diagnostics quote the file that #line names', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#line 1 "gram.y"\nint x = "s";\n', 'gram.y': 'int x = "s";  // the grammar\n' });
  const inputs = await sameInCopy(t, root, ['-Wall', '-c', 'main.c']);
  t.true(own(inputs, root).includes('gram.y'));
});

test('preprocessed text is a tree of one file', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'a.i': 'int x;\nasm(".incbin \\"b.bin\\"");\n', 'b.bin': 'b' });
  t.deepEqual(own(await sameInCopy(t, root, ['-c', 'a.i']), root), ['a.i', 'b.bin']);
});

test('the scanner sends a command whose header is missing, and the compiler there says the same', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#include "absent.h"\n#error no\n' });
  t.is((await sameInCopy(t, root, ['-c', 'main.c'])).how, 'scanner');
  t.is((await collect(root, ['-c', 'main.c'], { method: 'compiler' })).reason?.code, 'preprocessing-failed');
});

test('clang offers the header that <…> would find under the name without anything odd around it, not the one beside the file', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#include <../a/h.h>\n', 'a/h.h': '#pragma once\n#include <../h.h>\n', 'b/h.h': '#pragma once\n' });
  const inputs = await sameInCopy(t, root, ['-I', 'b', '-c', 'main.c', '-o', 'main.o'], { compiler: '/usr/bin/clang', env: { LC_ALL: 'C' } });
  t.deepEqual(own(inputs, root), ['a/h.h', 'b/h.h', 'main.c']);
});

test('a computed include is followed through every plain definition; any other needs the compiler', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, {
    'main.c': '#include "config.h"\n#include HEADER\n#include OTHER\n#include GIVEN\n/* #include directives are words here */\n',
    'config.h': '#ifdef X\n#define HEADER "x.h"\n#else\n#define HEADER "y.h"\n#endif\n#define OTHER HEADER\n', 'x.h': 'int x;\n',
      'y.h': 'int y;\n', 'g.h': 'int g;\n',
    'hard.c': '#define CAT(a) <a.h>\n#define H CAT(sub/z)\n#include H\n', 'sub/z.h': 'int z;\n',
  });
  const plain = await sameInCopy(t, root, ['-DGIVEN="g.h"', '-c', 'main.c']);
  t.is(plain.how, 'scanner');
  t.deepEqual(own(plain, root), ['config.h', 'g.h', 'main.c', 'x.h', 'y.h']);
  const hard = await sameInCopy(t, root, ['-I.', '-c', 'hard.c']);
  t.is(hard.how, 'compiler');
  t.deepEqual(own(hard, root), ['hard.c', 'sub/z.h']);
});

test('what the compiler listed is good again until a line changes that can steer inclusion', async (t) => {
  const root = await temporaryDirectory(t);
  const source = (value: number, header: string): string =>
    `#define CAT(a) <a.h>\n#define H CAT(sub/${header})\n#include H\nint value = ${value};\n`;
  lay(root, { 'main.c': source(1, 'x'), 'sub/x.h': 'int x;\n', 'sub/y.h': 'int y;\n', 'A/keep': '' });
  const memory = new InputsMemory();
  const args = ['-IA', '-I.', '-c', 'main.c', '-o', 'main.o'];
  const now = async (): Promise<string[]> => own(await sameInCopy(t, root, args, { memory }), root);
  t.deepEqual(await now(), ['main.c', 'sub/x.h']);
  const { asked } = memory;
  lay(root, { 'main.c': source(2, 'x') });
  t.deepEqual(await now(), ['main.c', 'sub/x.h']);
  t.is(memory.asked, asked);
  lay(root, { 'main.c': source(2, 'y') });
  t.deepEqual(await now(), ['main.c', 'sub/y.h']);
  lay(root, { 'A/sub/y.h': 'int shadow;\n' });
  t.deepEqual(await now(), ['A/sub/y.h', 'main.c']);
  t.is(memory.asked, asked + 2);
});

test('a header that appears, vanishes, changes or begins to shadow another one is noticed', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#if __has_include("late.h")\n#include "late.h"\n#endif\n#include <deep/x.h>\n', 'B/deep/x.h': 'int x;\n',
    'A/keep': '' });
  const memory = new InputsMemory();
  const args = ['-IA', '-IB', '-Iabsent', '-c', 'main.c', '-o', 'main.o'];
  const now = async (): Promise<string[]> => own(await sameInCopy(t, root, args, { memory }), root);
  t.deepEqual(await now(), ['B/deep/x.h', 'main.c']);
  lay(root, { 'late.h': 'int late;\n' });
  t.deepEqual(await now(), ['B/deep/x.h', 'late.h', 'main.c']);
  lay(root, { 'A/deep/x.h': 'int shadow;\n' });
  t.deepEqual(await now(), ['A/deep/x.h', 'late.h', 'main.c']);
  lay(root, { 'late.h': '#include "later.h"\n', 'later.h': 'int later;\n' });
  t.deepEqual(await now(), ['A/deep/x.h', 'late.h', 'later.h', 'main.c']);
  rmSync(join(root, 'late.h'));
  t.deepEqual(await now(), ['A/deep/x.h', 'main.c']);
  lay(root, { 'absent/late.h': 'int found;\n' });
  t.deepEqual(await now(), ['A/deep/x.h', 'absent/late.h', 'main.c']);
  rmSync(join(root, 'A/deep'), { recursive: true });
  symlinkSync('../B/deep', join(root, 'A/deep'));
  t.deepEqual(await now(), ['A/deep', 'B/deep/x.h', 'absent/late.h', 'main.c']);
});

test('a directory that begins to hold a precompiled header is noticed, and one that ceases to', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#include <x.h>\n', 'A/other.h': '', 'B/x.h': 'int x;\n' });
  const memory = new InputsMemory();
  const now = async () => (await collect(root, ['-IA', '-IB', '-c', 'main.c'], { memory })).reason?.code;
  for (const name of ['B/x.h.gch', 'A/x.h.gch', 'A/x.h.pch']) {
    t.is(await now(), undefined);
    lay(root, { [name]: '' });
    t.is(await now(), 'precompiled-header', name);
    rmSync(join(root, name));
    t.is(await now(), undefined, name);
    lay(root, { 'A/another.h.gch': '' });
    t.is(await now(), undefined, name);
    lay(root, { [name]: '' });
    t.is(await now(), 'precompiled-header', `${name}, where there is another one already`);
    for (const each of [name, 'A/another.h.gch']) rmSync(join(root, each));
  }
});

test('many commands at once have their own answers', async (t) => {
  const root = await temporaryDirectory(t);
  const names = Array.from({ length: 24 }, (_, n) => `m${n}`);
  for (const name of names) lay(root, { [`${name}.c`]: `#define ID(a) <a.h>\n#include ID(${name})\n`, [`${name}.h`]: `int ${name};\n` });
  const memory = new InputsMemory();
  const all = await Promise.all(names.map((name) => collect(root, ['-I.', '-c', `${name}.c`], { memory })));
  t.deepEqual(all.map((inputs) => own(inputs, root)), names.map((name) => [`${name}.c`, `${name}.h`]));
});

test('nothing is read again while nothing changes', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#include <stdio.h>\n#include "a.h"\n', 'a.h': '' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const memory = new InputsMemory();
  await collect(root, ['-c', 'main.c'], { memory });
  const { reads } = memory.files;
  await collect(root, ['-O2', '-c', 'main.c'], { memory });
  t.is(memory.files.reads, reads);
});

test('the scanner takes every file that the compiler lists', async (t) => {
  const root = await temporaryDirectory(t);
  const system = readFileSync('/usr/include/stdio.h', 'latin1');
  t.true(system.length > 0);
  lay(root, { 'main.c': '#include <stdlib.h>\n#include <pthread.h>\n#include <sys/socket.h>\n#include <math.h>\n#include <signal.h>\n' });
  copyFileSync(join(root, 'main.c'), join(root, 'main.cc'));
  for (const [compiler, source] of [['/usr/bin/gcc', 'main.c'], ['/usr/bin/clang++', 'main.cc']] as const) {
    const listed = execFileSync(compiler, ['-M', '-MT', 'x', source], { cwd: root, encoding: 'utf8' }).replaceAll('\\\n',
      ' ').split(/\s+/).slice(1).filter(Boolean);
    const scanned = new Set((await collect(root, ['-c', source], { compiler })).entries.map(({ path }) => path));
    t.deepEqual(listed.map((path) => (path.startsWith('/') ? join(path) : join(root, path))).filter((path) => !scanned.has(path)), []);
  }
});

test('a tree says whether its inputs are still what they were, also of a file that was young', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#include "a.h"\n', 'a.h': 'int a;\n' });
  const [source, header] = [join(root, 'main.c'), join(root, 'a.h')];
  for (const path of [source, header]) utimesSync(path, 1_500_000_000, 1_500_000_000);
  await new Promise((resolve) => setTimeout(resolve, 60));
  const old = await collect(root, ['-c', 'main.c']);
  t.true(old.unchanged(monotonicMs()));
  writeFileSync(header, 'int b;\n');
  t.false(old.unchanged(monotonicMs()));

  // The same size, and times that a slow clock might give: only the content tells.
  const now = new Date();
  writeFileSync(header, 'int c;\n');
  utimesSync(header, now, now);
  const young = await collect(root, ['-c', 'main.c']);
  t.true(young.unchanged(monotonicMs()));
  writeFileSync(header, 'int d;\n');
  utimesSync(header, now, now);
  t.false(young.unchanged(monotonicMs()));
  rmSync(header);
  t.false(young.unchanged(monotonicMs()));
});

test('a command that differs only in what it defines finds the same files without a scan, unless a definition names a header', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'a.c': '#include "a.h"\n', 'a.h': 'int a;\n', 'b.c': '#include HEADER\n', 'one.h': 'int one;\n', 'two.h': 'int two;\n' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const memory = new InputsMemory();
  const first = await collect(root, ['-c', '-DROUND=1', 'a.c'], { memory });
  const { reads } = memory.files;
  const second = await collect(root, ['-c', '-DROUND=2', '-O2', 'a.c'], { memory });
  t.is(second.encoded, first.encoded, 'not even the tree is made anew');
  t.is(memory.files.reads, reads);
  t.true(own(await collect(root, ['-c', '-DHEADER="one.h"', 'b.c'], { memory }), root).includes('one.h'));
  t.true(own(await collect(root, ['-c', '-DHEADER="two.h"', 'b.c'], { memory }), root).includes('two.h'));
});

test('a precompiled header that the farm made is an input, for gcc; the next agent knows it too', async (t) => {
  const root = await temporaryDirectory(t);
  const content = Buffer.from('gpch: __DATE__ is no macro in here, nor is #include "x.h"\n');
  lay(root, { 'main.c': '#include "a.h"\n', 'a.h': 'int a;\n' });
  writeFileSync(join(root, 'a.h.gch'), content);
  const remembered = join(root, 'memory');
  for (const args of [['-c', 'main.c'], ['-include', 'a.h', '-c', 'main.c']]) {
    for (const method of methods) {
      t.is((await collect(root, args, { method })).reason?.code, 'precompiled-header');
      new InputsMemory(remembered).precompiled.addAll([{ index: 0, content }, { index: 1, content: Buffer.from('a rule') }]);
      const memory = new InputsMemory(remembered);
      for (let round = 0; round < 2; round++) t.deepEqual(own(await collect(root, args, { method, memory }), root), ['a.h', 'a.h.gch', 'main.c']);
      // clang takes it for one of its own, and fails when it is asked.
      t.truthy((await collect(root, args, { method, memory, compiler: '/usr/bin/clang' })).reason);
      appendFileSync(join(root, 'a.h.gch'), 'x');
      t.is((await collect(root, args, { method, memory })).reason?.code, 'precompiled-header');
      writeFileSync(join(root, 'a.h.gch'), content);
    }
  }
  t.deepEqual(readdirSync(join(remembered, 'precompiled')).length, 1);
});
