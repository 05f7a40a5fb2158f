/**
 * The ways in which people put a launcher into a build: CMake's variable, a directory of links in PATH, `CC="wardcc gcc"` for
 * configure scripts, pipes behind make, more jobs than anybody has cores.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { buildBothWays, layOut } from '../fixtures/builds.ts';
import { compare } from '../fixtures/compare.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test);
const long = process.env['WARDCC_LONG'] === '1';

const cmakeProject = `cmake_minimum_required(VERSION 3.20)
project(mixture C CXX)
set(CMAKE_CXX_STANDARD 17)
include(CheckIncludeFile)
include(CheckCSourceCompiles)
check_include_file(unistd.h HAVE_UNISTD)
check_c_source_compiles("int main(void) { return __builtin_popcount(0); }" HAVE_POPCOUNT)
check_c_source_compiles("int main(void) { return no_such_function_anywhere(); }" HAVE_NOTHING)
file(GLOB LUA CONFIGURE_DEPENDS "\${CMAKE_SOURCE_DIR}/lua/*.c")
list(FILTER LUA EXCLUDE REGEX "/luac?.c$")
add_library(lua STATIC \${LUA})
target_compile_definitions(lua PUBLIC LUA_USE_LINUX $<$<BOOL:\${HAVE_NOTHING}>:BROKEN=>)
add_executable(mixture main.cc)
target_include_directories(mixture PRIVATE lua)
target_link_libraries(mixture PRIVATE lua m dl)
`;

const cmakeMain = `#include <iostream>
#include <lua.hpp>
int main() {
  lua_State *state = luaL_newstate();
  luaL_openlibs(state);
  if (luaL_dostring(state, "return 6 * 7") != LUA_OK) return 1;
  std::cout << lua_tointeger(state, -1) << "\\n";
  lua_close(state);
}
`;

for (const [cc, cxx] of [['gcc', 'g++'], ['clang', 'clang++']] as const) {
  test.serial(`cmake and ninja with CMAKE_C_COMPILER_LAUNCHER, configure included, ${cc}`, async (t) => {
    t.timeout(200_000);
    const directory = await shared.directory(`cmake ${cc}`);
    await layOut('lua', join(directory, 'lua'));
    await writeFile(join(directory, 'CMakeLists.txt'), cmakeProject);
    await writeFile(join(directory, 'main.cc'), cmakeMain);
    const launchers = ['-DCMAKE_C_COMPILER_LAUNCHER=wardcc', '-DCMAKE_CXX_COMPILER_LAUNCHER=wardcc'];
    const configure = ['cmake', '-G', 'Ninja', '-S', '.', '-B', 'build tree', `-DCMAKE_C_COMPILER=${cc}`, `-DCMAKE_CXX_COMPILER=${cxx}`, '-DCMAKE_BUILD_TYPE=RelWithDebInfo'];
    const { files } = await buildBothWays(t, shared, {
      cwd: directory,
      compared: directory,
      clean: ['rm', '-rf', 'build tree'],
      command: (launcher) => ['sh', '-ec', '"$@" && exec cmake --build "build tree" -j4', 'sh', ...configure, ...(launcher === '' ? [] : launchers)],
      objects: 33,
    });
    t.true(Object.keys(files).some((name) => name.endsWith('main.cc.o')));
    const program = await shared.run([join(directory, 'build tree', 'mixture')], { cwd: directory });
    t.is(program.stdout, '42\n');
    // Nothing has changed: ninja believes the dependencies that came back.
    const again = await shared.run(['ninja', '-C', 'build tree'], { cwd: directory });
    t.regex(again.stdout, /no work to do/);
    await writeFile(join(directory, 'lua', 'lua.hpp'), `${await readFile(join(directory, 'lua', 'lua.hpp'), 'utf8')}// changed\n`);
    const changed = await shared.run(['ninja', '-v', '-C', 'build tree'], { cwd: directory });
    t.regex(changed.stdout, /wardcc .*main\.cc\.o/);
  });
}

test.serial('plain make behind a directory of links, nothing said in the makefile', async (t) => {
  t.timeout(240_000);
  const directory = await layOut('lua', join(shared.place, 'behind links'));
  const links = join(shared.place, 'links of wardcc');
  const installed = await shared.run(['wardctl', 'install-links', links], { cwd: shared.place });
  t.is(installed.status, 0, installed.stderr);
  const path = shared.farm.environment['PATH'];
  const { counts } = await buildBothWays(t, shared, {
    cwd: directory,
    clean: ['make', 'clean'],
    command: (launcher) => ['sh', '-c', launcher === '' ? 'exec make -j4 linux CC=gcc' : 'PATH="$LINKS:$PATH" exec make -j4 linux CC=gcc'],
    settings: { LINKS: links, PATH: path },
    objects: 34,
  });
  t.is(counts.jobs.local, 0);
});

// What autoconf's scripts do, in a few lines: probes named conftest whose exit status decides, some of which must fail.
const configureScript = `#!/bin/sh
: "\${CC=cc}" "\${CFLAGS=-g -O2}"
try() { printf '%s\\n' "$1" >conftest.c; $CC $CFLAGS -c conftest.c >>config.log 2>&1; status=$?; rm -f conftest.o; return $status; }
link() { printf '%s\\n' "$1" >conftest.c; $CC $CFLAGS -o conftest conftest.c $2 >>config.log 2>&1 && ./conftest; status=$?; rm -f conftest; return $status; }
echo 'int main(void) { return 0; }' >conftest.c
$CC -o conftest conftest.c || { echo "C compiler cannot create executables" >&2; exit 77; }
{
  try '#include <stdio.h>' && echo '#define HAVE_STDIO_H 1'
  try '#include <no_such_header.h>' || echo '#define NO_SUCH_HEADER 1'
  try 'int x = undeclared;' || echo '#define ERRORS_ARE_ERRORS 1'
  try 'typedef int check[sizeof(long) == 8 ? 1 : -1];' && echo '#define LONG_IS_8 1'
  link 'int main(void) { return 0; }' && echo '#define RUNS 1'
  link '#include <math.h>
int main(int argc, char **argv) { return cos(argc - 1) != 1; }' -lm && echo '#define HAVE_LIBM 1'
  $CC -E - </dev/null >/dev/null 2>&1 && echo '#define READS_STDIN 1'
} >config.h
rm -f conftest*
sed "s|@CC@|$CC|;s|@CFLAGS@|$CFLAGS|" Makefile.in >Makefile
`;

test.serial('an autotools-style configure script with CC="wardcc gcc"', async (t) => {
  t.timeout(240_000);
  const directory = await shared.directory('autotools');
  await cp(fileURLToPath(new URL('../fixtures/projects/lua/src', import.meta.url)), join(directory, 'src'), { recursive: true });
  await writeFile(join(directory, 'configure'), configureScript);
  await chmod(join(directory, 'configure'), 0o755);
  await writeFile(join(directory, 'Makefile.in'), 'CC = @CC@\nCFLAGS = @CFLAGS@ -include config.h -MMD -MP\nOBJECTS = $(patsubst %.c,%.o,$(filter-out %/luac.c,$(wildcard src/*.c)))\nprogram: $(OBJECTS)\n\t$(CC) -o $@ $^ -lm\n');
  const configs: string[] = [];
  await buildBothWays(t, shared, {
    cwd: directory,
    clean: ['sh', '-c', 'rm -f program config.h config.log Makefile src/*.o src/*.d'],
    command: (launcher) => ['env', `CC=${launcher}gcc`, 'sh', '-ec', './configure && cp config.h "config.of.$1" && exec make -j4', 'sh', launcher.trim() || 'local'],
    objects: 33,
  });
  for (const who of ['local', 'wardcc']) configs.push(await readFile(join(directory, `config.of.${who}`), 'utf8'));
  t.is(configs[1], configs[0]);
  t.is(configs[0]!.trim().split('\n').length, 7, configs[0]);
  t.is((await shared.run(['./program', '-e', 'print(1)'], { cwd: directory })).stdout, '1\n');
});

if (long) {
  test.serial('jemalloc\'s configure script finds the same with CC="wardcc gcc"', async (t) => {
    t.timeout(280_000);
    const directory = await layOut('redis', join(shared.place, 'redis-configure'));
    const cwd = join(directory, 'deps', 'jemalloc');
    const found: string[] = [];
    for (const launcher of ['', 'wardcc ']) {
      const { status, stderr } = await shared.run(['sh', './configure', `CC=${launcher}gcc`, '--disable-cxx'], { cwd, timeoutMs: 200_000 });
      t.is(status, 0, stderr);
      found.push(await readFile(join(cwd, 'include', 'jemalloc', 'internal', 'jemalloc_internal_defs.h'), 'utf8'));
    }
    t.is(found[1], found[0]);
    await rm(directory, { recursive: true });
  });
}

test.serial('make | tee ends when make does, although the first compile starts an agent', async (t) => {
  const directory = await layOut('lua', join(shared.place, 'piped'));
  await shared.run(['wardctl', 'stop'], { cwd: directory });
  const before = Date.now();
  const { status, stdout } = await shared.run(['bash', '-o', 'pipefail', '-c', 'make -j4 linux CC="wardcc gcc" 2>&1 | tee "the log"'], { cwd: directory, timeoutMs: 90_000 });
  t.is(status, 0, stdout);
  t.true(existsSync(join(directory, 'lua')));
  t.is(await readFile(join(directory, 'the log'), 'utf8'), stdout);
  const { jobs } = await shared.counts();
  t.is(jobs.remote + jobs.hit, 34);
  t.log(`${Date.now() - before} ms`);
});

test.serial('make -j40 with more jobs than there are slots', async (t) => {
  t.timeout(240_000);
  const directory = await layOut('lua', join(shared.place, 'forty'));
  const { counts } = await buildBothWays(t, shared, {
    cwd: directory,
    clean: ['make', 'clean'],
    command: (launcher) => ['make', '-j40', 'linux', `CC=${launcher}gcc`, 'MYCFLAGS=-DFORTY'],
    objects: 34,
  });
  t.is(counts.jobs.failed, 0);
});

test.serial('a build in a read-only source tree, with objects elsewhere, dependency files and response files', async (t) => {
  const directory = await shared.directory('out of tree');
  await layOut('lua', join(directory, 'source'));
  await mkdir(join(directory, 'objects'), { recursive: true });
  await writeFile(join(directory, 'flags.rsp'), '-O2 -g\n"-DNAME=a name" -MMD\n');
  await writeFile(join(directory, 'Makefile'), 'OBJECTS = $(patsubst source/%.c,objects/%.o,$(wildcard source/*.c))\nall: $(OBJECTS)\nobjects/%.o: source/%.c\n\t$(CC) @flags.rsp -c $< -o $@\n');
  await chmod(join(directory, 'source'), 0o555);
  t.teardown(() => chmod(join(directory, 'source'), 0o755));
  const { files } = await buildBothWays(t, shared, {
    cwd: directory,
    clean: ['sh', '-c', 'rm -f objects/*'],
    command: (launcher) => ['make', '-j4', `CC=${launcher}gcc`],
    objects: 34,
  });
  t.is(Object.keys(files).filter((name) => name.endsWith('.d')).length, 34);
});

/** What CMake from 3.28 on gives every unit of a target that may have modules. */
const moduleFlags = ['-std=c++20', '-fmodules-ts', '-fmodule-mapper=a.cc.o.modmap', '-MD', '-x', 'c++', '-g'];
const units: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>, 'remote' | 'local'])[] = [
  ['an empty map travels', ['g++', ...moduleFlags], { 'a.cc.o.modmap': '$root .\n' }, 'remote'],
  ['an empty map of clang, which is a response file, travels', ['clang++', '-std=c++20', '-MD', '@a.cc.o.modmap'], { 'a.cc.o.modmap': '' }, 'remote'],
  ['a map that names a module stays', ['g++', ...moduleFlags], { 'a.cc.o.modmap': '$root .\nwords words.gcm\n' }, 'local'],
  ['a unit that exports a module stays', ['g++', ...moduleFlags], { 'a.cc.o.modmap': '$root .\n', 'a.cc': 'export module words;\nexport int word() { return 1; }\n' }, 'local'],
  ['a header that was compiled as a module stays', ['g++', ...moduleFlags], { 'a.cc.o.modmap': '$root .\n', ',/a.h.gcm': 'compiled' }, 'local'],
];
for (const [what, words, files, how] of units) {
  test.serial(`C++20 modules: ${what}`, async (t) => {
    await compare(t, shared, `modules ${what.replaceAll(' ', '-')}`, {
      command: [...words, '-c', 'a.cc', '-o', 'a.o'],
      prepare: async (directory) => {
        await mkdir(join(directory, ','), { recursive: true });
        const all = { 'a.h': 'int a();\n', 'a.cc': '#include "a.h"\n#include <vector>\nint a() { return std::vector<int>(3).size(); }\n', ...files };
        if (!Object.keys(files).some((name) => name.startsWith(','))) await rm(join(directory, ','), { recursive: true });
        for (const [name, text] of Object.entries(all)) await writeFile(join(directory, name), text);
      },
      how,
      status: undefined,
    });
  });
}
