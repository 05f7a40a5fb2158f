import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { localReasons } from '../../../client/command/index.ts';
import { checkArgv } from '../../../policy/options/index.ts';
import { compileOf, place } from './fixture.ts';
import type { LocalReason } from '../../../client/command/index.ts';

test('the commands of lua, redis, re2 and cmake travel', async t => {
  const { type, directory } = place(t);
  const lua = compileOf(await type('gcc -O2 -Wall -Wextra -DLUA_COMPAT_5_3 -DLUA_USE_LINUX -std=gnu99 -c -o lapi.o a.c'));
  t.is(lua.language, 'c');
  t.is(lua.source, `${directory}/a.c`);
  t.deepEqual(lua.outputs, [{ role: 'object', path: `${directory}/lapi.o`, spelled: `${directory}/lapi.o` }]);
  t.deepEqual(lua.defines.map(each => each.text), ['LUA_COMPAT_5_3', 'LUA_USE_LINUX']);

  const redis = compileOf(await type('cc -pedantic -DREDIS_STATIC= -std=c11 -Wall -W -Wno-missing-field-initializers -O2 -g -ggdb '
    + '-I../deps/hiredis -I../deps/lua/src -DUSE_JEMALLOC -I../deps/jemalloc/include -fno-omit-frame-pointer -MMD -o out/adlist.o -c a.c'));
  t.deepEqual(redis.outputs.map(each => each.path), [`${directory}/out/adlist.o`, `${directory}/out/adlist.d`]);
  t.deepEqual(redis.dependencies, { path: `${directory}/out/adlist.d`, systemHeaders: false });
  t.deepEqual(redis.search.map(each => each.path), ['hiredis', 'lua/src', 'jemalloc/include'].map(each => `${directory}/../deps/${each}`));

  const re2 = compileOf(await type('g++ -c -o out/b.o -pthread -Wsign-compare -Wno-unused -O3 -g -fPIC -std=c++11 -I. src/b.cc'));
  t.is(re2.language, 'c++');

  const cmake = compileOf(await type('clang++ -DNDEBUG -isystem h -O2 -g -DNDEBUG -std=gnu++17 '
    + '-MD -MT out/b.o -MF out/b.o.d -o out/b.o -c src/b.cc'));
  t.is(cmake.family, 'clang');
  t.deepEqual(cmake.outputs.map(each => each.role), ['object', 'depfile']);
  t.deepEqual(cmake.dependencyArguments, ['-DNDEBUG', '-isystem', 'h', '-O2', '-g', '-DNDEBUG', '-std=gnu++17', 'src/b.cc']);
});

const locals: readonly (readonly [line: string, reason: LocalReason])[] = [
  ['gcc -o a a.c', 'whole-program'], ['gcc a.c', 'whole-program'], ['gcc -shared -o a.so a.o', 'whole-program'],
  ['gcc -E a.c', 'preprocess-only'], ['gcc -c -E a.c', 'preprocess-only'], ['gcc -M a.c', 'dependencies-only'],
  ['gcc -MM -c a.c', 'dependencies-only'],
  ['gcc -c a.c src/b.cc', 'several-sources'], ['gcc -c a.c x.o', 'several-sources'], ['gcc -c - -xc', 'standard-input'],
  ['gcc -c', 'source-absent'],
  ['gcc -c a.c -o -', 'standard-output'], ['gcc -c a.c -o /dev/null', 'output-special'], ['gcc -c a.c -o out', 'output-special'],
  ['gcc -c a.c -o out/', 'output-special'],
  ['gcc -c a.c -o nowhere/a.o', 'output-directory'], ['gcc -c a.c -o a.c/x.o', 'output-directory'],
  ['gcc -c a.c -o /usr/a.o', 'path-reserved'],
  ['gcc -c a.c -o a.c', 'output-clash'], ['gcc -c a.c -MD -MF a.o', 'output-clash'], ['gcc -c a.c -MD -MF /dev/stderr', 'output-special'],
  ['gcc -c d.s', 'assembler-source'], ['gcc -c f.f90', 'language'], ['clang -c h.h', 'precompiled-header'], ['gcc -S h.h', 'precompiled-header'], ['gcc -c h.h -g -gsplit-dwarf', 'precompiled-header'],
  ['gcc -c missing.c', 'source-missing'], ['gcc -c src', 'language'], ['gcc -xc -c src', 'source-missing'],
  ['gcc -c conftest.c', 'configure-probe'], ['gcc -g -march=native -c a.c', 'native-target'],
  ['clang -march=native -c a.c', 'native-target'], ['gcc -c a.c @missing', 'response-file'], ['gcc -fplugin=x.so -c a.c', 'plugin'],
  ['gcc -c -fwhat a.c', 'unknown-option'],
  ['gcc -c -save-temps a.c', 'save-temps'], ['gcc -c -fprofile-use a.c', 'profile-data'], ['gcc -specs=/x -c a.c', 'tool-replaced'],
  ['clang -c -fmodules a.c', 'modules'],
  ['clang -c -Xclang -load a.c', 'tool-argument'], ['gcc -S -c a.c', 'several-stages'], ['gcc -v -c a.c', 'verbose'],
  ['gcc -S src/c.S', 'preprocess-only'],
  ['gcc -c -fsyntax-only a.c', 'syntax-only'],
  ['nothing-here -c a.c', 'compiler-missing'], ['ld -c a.c', 'compiler-unknown'], ['c99-gcc -c a.c', 'compiler-script'],
  ['true -c a.c', 'compiler-unknown'],
];

test('what is local by nature says why', async t => {
  const { type } = place(t);
  for (const [line, reason] of locals) {
    const command = await type(line);
    t.is(command.kind === 'local' ? command.reason : 'compile', reason, line);
    t.regex(localReasons[reason], /^[A-Z].*\.$/);
  }
});

test('what the client sends, the server admits', async t => {
  const { type } = place(t);
  const lines = ['gcc -c a.c', 'gcc -S a.c -o out/a.s', 'clang -c e.i', 'gcc -c src/c.S -DX', 'g++ -c a.c', 'gcc -xc++ -c a.c',
    'clang -c a.c -fstack-usage --coverage -g -gsplit-dwarf'];
  for (const line of lines) {
    const command = compileOf(await type(line, { terminal: { isTerminal: true, columns: 80, inputColumns: 80 }, env: { TERM: 'xterm' } }));
    t.true(checkArgv(command.argv, command.family).ok, line);
  }
});

test('the language follows -x, the suffix and the driver', async t => {
  const { type } = place(t);
  for (const [line, language] of [
    ['gcc -c a.c', 'c'], ['g++ -c a.c', 'c++'], ['clang++ -c a.c', 'c++'], ['gcc -c src/b.cc', 'c++'], ['gcc -xc++ -c a.c', 'c++'],
    ['gcc -c a.c -x c++', 'c'],
    ['gcc -x c++ -x none -c a.c', 'c'], ['gcc -c src/c.S', 'assembler-with-cpp'], ['gcc -c e.i', 'cpp-output'],
    ['g++ -c e.i', 'c++-cpp-output'], ['c++ -c a.c', 'c++'],
  ] as const) {
    t.is(compileOf(await type(line)).language, language, line);
  }
});

test('an output below a link comes back at the place the link leads to', async t => {
  const { type, directory } = place(t);
  symlinkSync('out', join(directory, 'link'));
  mkdirSync(join(directory, 'out/deep'));
  symlinkSync('out/deep', join(directory, 'deep'));
  t.deepEqual(compileOf(await type('gcc -c a.c -o link/a.o')).outputs, [{ role: 'object', path: `${directory}/out/a.o`,
    spelled: `${directory}/link/a.o` }]);
  t.deepEqual(compileOf(await type('gcc -c a.c -o deep/../a.o')).outputs, [{ role: 'object', path: `${directory}/out/a.o`,
    spelled: `${directory}/deep/../a.o` }]);
});

test('an output that is a link is local', async t => {
  const { type, directory } = place(t);
  symlinkSync('elsewhere', join(directory, 'a.o'));
  const command = await type('gcc -c a.c');
  t.is(command.kind === 'local' && command.reason, 'output-special');
});

test('an output that may not be written is local', async t => {
  const { type, directory } = place(t);
  writeFileSync(join(directory, 'a.o'), 'old', { mode: 0o444 });
  const command = await type('gcc -c a.c');
  t.is(command.kind === 'local' ? command.reason : command.kind, process.getuid?.() === 0 ? 'compile' : 'output-read-only');
});

test('an output that is there already is fine', async t => {
  const { type, directory } = place(t);
  writeFileSync(join(directory, 'a.o'), 'old');
  t.is((await type('gcc -c a.c')).kind, 'compile');
});

test('a removed working directory is local', async t => {
  const { type, directory } = place(t);
  const gone = join(directory, 'gone');
  mkdirSync(gone);
  rmSync(gone, { recursive: true });
  const command = await type('gcc -c ../a.c', { cwd: gone });
  t.is(command.kind === 'local' && command.reason, 'working-directory');
});

test('probes of CMake and Meson are local and wait for nothing', async t => {
  const { type, directory } = place(t);
  for (const part of ['CMakeFiles/CMakeScratch/TryCompile-x1', 'CMakeFiles/CMakeTmp', 'CMakeFiles/3.25.1/CompilerIdC',
    'meson-private/tmpabc']) {
    const cwd = join(directory, part);
    mkdirSync(cwd, { recursive: true });
    writeFileSync(join(cwd, 'testfile.c'), '');
    const command = await type('gcc -c testfile.c', { cwd });
    t.true(command.kind === 'local' && command.probe && command.reason === 'configure-probe', part);
  }
  t.is((await type('gcc -c a.c')).kind, 'compile');
});

test('probes of Kbuild, perlasm and SCons, most of which have no source, are local and wait for nothing', async t => {
  const { type } = place(t);
  for (const line of ['gcc -Werror -fno-stack-protector -S -o /dev/null -xc /dev/null', 'gcc -c -x c /dev/null -o out/a.o',
    'gcc -Wa,-v -c -o /dev/null -x assembler /dev/null', 'gcc -x c -c -o /dev/null -', 'gcc -c -o out/x.o conftest_8cf9b2_0.c']) {
    const command = await type(line);
    t.true(command.kind === 'local' && command.probe && command.reason === 'configure-probe', line);
  }
  for (const line of ['gcc -c a.c -o /dev/null', 'gcc -x c -c -o out/a.o -']) {
    const command = await type(line);
    t.true(command.kind === 'local' && !command.probe && command.reason !== 'configure-probe', line);
  }
});

test('a source in another character set than UTF-8 is local, its strings need not be UTF-8', async t => {
  const { type } = place(t);
  for (const words of ['-finput-charset=utf-8', '-finput-charset=UTF8', '-fexec-charset=utf-16le']) t.is((await type(`gcc ${words} -c a.c`)).kind, 'compile', words);
  for (const words of ['-finput-charset=utf-16', '-finput-charset=utf-32be']) t.like(await type(`gcc ${words} -c a.c`), { kind: 'local', reason: 'option-value' }, words);
});

test('what is not UTF-8 is local', async t => {
  const { type } = place(t);
  for (const command of [await type('gcc -c a.c', { isUtf8: false }), await type('gcc -c \ufffd.c')]) {
    t.is(command.kind === 'local' && command.reason, 'non-utf8');
  }
});

test('sources with spaces, quotes, percent signs, unicode and a leading dash are understood', async t => {
  const { type, directory } = place(t);
  for (const name of ['with space.c', 'quote\'s".c', '100%.c', 'größe.c', '-dash.c', '$(id).c', 'new\nline.c']) {
    writeFileSync(join(directory, name), '');
    const command = compileOf(await type('gcc', { argv: ['gcc', '-c', `./${name}`] }));
    t.is(command.source, join(directory, name));
    t.is(command.outputs[0]?.path, join(directory, name.replace(/c$/, 'o')));
  }
});

test('the environment that changes a compile travels or keeps it here', async t => {
  const { type, directory } = place(t);
  const env = { SOURCE_DATE_EPOCH: '1', CPATH: ':inc', C_INCLUDE_PATH: '/opt/i', GCC_COLORS: 'error=31', HOME: '/root', PATH: '/bin',
    WARDCC_HOSTS: 'x', TMPDIR: '/tmp' };
  const command = compileOf(await type('gcc -c a.c', { env }));
  t.deepEqual(command.env, { LC_ALL: 'C', SOURCE_DATE_EPOCH: '1', CPATH: ':inc', C_INCLUDE_PATH: '/opt/i', GCC_COLORS: 'error=31' });
  t.deepEqual(command.search, [{ chain: 'user', path: directory }, { chain: 'user', path: `${directory}/inc` }, { chain: 'system',
    path: '/opt/i' }]);
  for (const name of ['COMPILER_PATH', 'GCC_EXEC_PREFIX', 'DEPENDENCIES_OUTPUT', 'SUNPRO_DEPENDENCIES']) {
    const local = await type('gcc -c a.c', { env: { [name]: '/x' } });
    t.deepEqual(local.kind === 'local' && [local.reason, local.detail], ['environment', name]);
  }
  const clang = await type('clang -c a.c', { env: { CCC_OVERRIDE_OPTIONS: '+-v' } });
  t.is(clang.kind === 'local' && clang.reason, 'environment');
});

test('a header becomes a precompiled one where the compiler would put it', async t => {
  const { type, directory } = place(t);
  for (const [words, path] of [['gcc -c h.h', 'h.h.gch'], ['gcc -x c++-header -MD -o out.gch -c h.h', 'out.gch']] as const) {
    t.like(compileOf(await type(words)).outputs[0], { role: 'precompiled', path: `${directory}/${path}` });
  }
  for (const words of ['gcc h.h -MD -o out.gch', 'gcc -O2 -x c++-header h.h -L. -o out.gch']) {
    const made = compileOf(await type(words));
    t.like(made.outputs[0], { role: 'precompiled', path: `${directory}/out.gch` }, 'without -c');
    t.is(made.argv[1], '-c');
  }
  for (const words of ['gcc h.h', 'gcc h.h -o out.gch -lm', 'gcc h.h a.o -o out.gch', 'gcc h.h -o out.gch -Wl,-z,now', 'clang h.h -o out.gch']) {
    t.is((await type(words)).kind, 'local', words);
  }
  t.is(compileOf(await type('gcc -include h.h -c a.c')).forcedIncludes[0]?.path, `${directory}/h.h`);
});

test('understanding a command that is known already is cheap', async t => {
  const { type } = place(t);
  const line = `gcc ${'-I../deps/hiredis -DUSE_JEMALLOC -Wno-unused -fno-omit-frame-pointer '.repeat(10)}-MMD -o out/a.o -c a.c`;
  await type(line);
  const start = performance.now();
  for (let round = 0; round < 100; round += 1) await type(line);
  const each = (performance.now() - start) / 100;
  t.log(`${(each * 1000).toFixed(0)} µs a command`);
  t.true(each < 20);
});
