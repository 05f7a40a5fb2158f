/**
 * Texts and places that are not what they seem: each command is compiled here and in a copy of its inputs, or stays here.
 *
 * @module
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { collectInputs, InputsMemory } from '../../../client/inputs/collect.ts';
import type { Inputs } from '../../../client/inputs/types.ts';
import { describeToolchain } from '../../../toolchain/describe.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { commandOf, compileHere, compileInCopy } from './copy.ts';

const compilers = ['/usr/bin/gcc', '/usr/bin/clang'];
const toolchains = new Map([...compilers, '/usr/bin/g++'].map((name) => [name, describeToolchain(name)]));
const toolchainOf = (compiler: string): ReturnType<typeof describeToolchain> => toolchains.get(compiler) as ReturnType<typeof describeToolchain>;

const lay = (root: string, files: Readonly<Record<string, string | Buffer>>): void => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
};

const collect = async (root: string, argv: readonly string[], memory = new InputsMemory()): Promise<Inputs> =>
  collectInputs(await commandOf([...argv], root), await toolchainOf(argv[0] as string), { memory });

/** Compiles here and in the copy; everything must be the same. */
const sameInCopy = async (t: ExecutionContext, root: string, argv: readonly string[]): Promise<void> => {
  const inputs = await collect(root, argv);
  t.is(inputs.reason, undefined, JSON.stringify(inputs.reason));
  const command = await commandOf([...argv], root);
  const [here, there] = [await compileHere(command), await compileInCopy(command, inputs, await toolchainOf(argv[0] as string), await temporaryDirectory(t))];
  t.deepEqual(there, here);
};

for (const compiler of compilers) {
  test(`${compiler}: a header is found after bytes that mean nothing, not the one that lies further on`, async (t) => {
    const shadow = '\n#ifndef X\n#include "far/x.h"\n#endif\nint x = X;\n';
    for (const text of ['\ufeff#include "x.h"', '\0#include "x.h"', 'int a;\r#include "x.h"\r', '\u00a0#include "x.h"']) {
      const root = await temporaryDirectory(t);
      lay(root, { 'main.c': text + shadow, 'x.h': '#define X 1\n', 'far/x.h': '#define X 2\n' });
      await sameInCopy(t, root, [compiler, '-w', '-Ifar', '-c', 'main.c', '-o', 'main.o']);
    }
  });

  test(`${compiler}: what an assembler takes in, in any case of letters`, async (t) => {
    const root = await temporaryDirectory(t);
    lay(root, { 'main.S': '.INCBIN "x"\n.incbin "far/x"\n.Include "y"\n', x: 'near', 'far/x': 'distant', y: '.byte 1\n', 'far/y': '.byte 2\n' });
    await sameInCopy(t, root, [compiler, '-Ifar', '-c', 'main.S', '-o', 'main.o']);
  });

  test(`${compiler}: files that line markers name are quoted, however they are written`, async (t) => {
    for (const marker of ['%:line 1 "o.y"', '#/**/line 1 "o.y"', '#line 1 "o\\x2ey"', '# 1 "o\\056y"']) {
      const root = await temporaryDirectory(t);
      lay(root, { 'main.c': `${marker}\nint f(void) { int unused; }\n`, 'o.y': 'a line of another file, long enough to be quoted\n' });
      await sameInCopy(t, root, [compiler, '-Wall', '-c', 'main.c', '-o', 'main.o']);
    }
  });
}

test('a file whose lines gcc quotes under a computed name keeps the command here; clang quotes what it read', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#define NAME "o.y"\n#line 1 NAME\nint x;\n' });
  t.is((await collect(root, ['/usr/bin/gcc', '-c', 'main.c'])).reason?.code, 'computed-line');
  t.is((await collect(root, ['/usr/bin/clang', '-c', 'main.c'])).reason, undefined);
});

test('preprocessed text of very many headers', async (t) => {
  const root = await temporaryDirectory(t);
  const markers = Array.from({ length: 1200 }, (_, index) => `# 1 "${index}.h"\nint v${index};\n`);
  lay(root, { 'main.i': `${markers.join('')}# 1 "last.h"\nint f(void) { int unused; }\n`, 'last.h': 'a line of the last header, long enough to be quoted\n' });
  await sameInCopy(t, root, ['/usr/bin/gcc', '-Wall', '-c', 'main.i', '-o', 'main.o']);
});

test('a file that a command reads and writes keeps it here, also after one that writes another', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#if __has_include("main.d")\nint again;\n#endif\n#include "x.h"\n', 'x.h': '', 'main.d': '' });
  await sleep(50);
  const memory = new InputsMemory();
  const compile = (...options: string[]): Promise<Inputs> => collect(root, ['/usr/bin/gcc', ...options, '-c', 'main.c', '-o', 'main.o'], memory);
  t.is((await compile('-MD', '-MF', 'other.d')).reason, undefined);
  t.is((await compile('-MD')).reason?.code, 'output-as-input');
  t.is((await compile('-MD', '-MF', 'x.h')).reason?.code, 'output-as-input');
  t.is((await compile('-MD', '-MF', 'other.d')).reason, undefined);
});

test('a file in the place of a directory that is searched', async (t) => {
  for (const compiler of compilers) {
    const root = await temporaryDirectory(t);
    lay(root, { 'main.c': 'int x;\n', include: 'no directory' });
    t.is((await collect(root, [compiler, '-Iinclude', '-c', 'main.c'])).reason?.code, 'odd-input');
  }
});

test('a directory that may be searched but not listed hides nothing', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#include <x.h>\n', 'closed/x.h': 'int near;\n', 'open/x.h': 'int distant;\n' });
  const memory = new InputsMemory();
  const compile = (): Promise<Inputs> => collect(root, ['/usr/bin/gcc', '-Iclosed', '-Iopen', '-c', 'main.c'], memory);
  chmodSync(join(root, 'closed'), 0o300);
  for (let round = 0; round < 2; round++) t.is((await compile()).reason?.code, process.getuid?.() === 0 ? undefined : 'odd-input');
  chmodSync(join(root, 'closed'), 0o700);
  t.true((await compile()).entries.some(({ path }) => path === join(root, 'closed/x.h')));
});

test('a compiler that another one replaced has a search path of its own', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.c': '#include <stddef.h>\n' });
  const memory = new InputsMemory();
  const compiler = join(root, 'cc');
  const foundBy = async (real: string): Promise<string | undefined> => {
    rmSync(compiler, { force: true });
    symlinkSync(real, compiler);
    const inputs = await collectInputs({ ...await commandOf([real, '-c', 'main.c'], root), compiler }, await toolchainOf(real), { memory });
    return inputs.entries.find(({ path }) => path.endsWith('/stddef.h'))?.path;
  };
  t.regex(await foundBy('/usr/bin/gcc') ?? '', /gcc/);
  t.regex(await foundBy('/usr/bin/clang') ?? '', /clang/);
});

test('a text that declares a module only where modules are enabled is looked at again with them', async (t) => {
  const root = await temporaryDirectory(t);
  lay(root, { 'main.cc': '#ifdef __cpp_modules\nexport module m;\n#endif\nint x;\n' });
  await sleep(50);
  const memory = new InputsMemory();
  t.is((await collect(root, ['/usr/bin/g++', '-std=c++20', '-c', 'main.cc'], memory)).reason, undefined);
  t.is((await collect(root, ['/usr/bin/g++', '-std=c++20', '-fmodules-ts', '-c', 'main.cc'], memory)).reason?.code, 'module');
});
