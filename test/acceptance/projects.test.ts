/**
 * Real projects through one server, with gcc and clang, with and without debug information. `WARDCC_LONG=1` builds all of redis
 * and re2 in every variant; otherwise a few of their files stand for them.
 *
 * @module
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { addRe2Tables, buildBothWays, layOut, long, re2Goals, re2Objects } from '../fixtures/builds.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test);

const variants = [
  { cc: 'gcc', cxx: 'g++', debug: '' },
  { cc: 'gcc', cxx: 'g++', debug: '-g' },
  { cc: 'clang', cxx: 'clang++', debug: '' },
  { cc: 'clang', cxx: 'clang++', debug: '-g' },
] as const;

for (const { cc, cxx, debug } of variants) {
  const flags = `-O2 ${debug}`.trim();
  const slug = `${cc}${debug}`;

  test.serial(`lua travels with ${cc} ${flags}, its objects and dependency files are a local compile's, and it runs`, async (t) => {
    t.timeout(long ? 1_800_000 : 240_000);
    const directory = await layOut('lua', join(shared.place, `lua ${slug}`));
    await buildBothWays(t, shared, {
      cwd: directory,
      clean: ['sh', '-c', 'make clean && rm -f ./*.d'],
      command: (launcher) => ['make', '-j4', 'linux', `CC=${launcher}${cc}`, `MYCFLAGS=-MMD ${debug}`],
      objects: 34,
    });
    const lua = await shared.run(['./lua', '-e', 'local t = {} for i = 1, 10 do t[i] = i * i end print(table.concat(t, " "))'], { cwd: directory });
    t.is(lua.stdout, '1 4 9 16 25 36 49 64 81 100\n');
    await rm(directory, { recursive: true });
  });

  test.serial(`redis travels with ${cc} ${flags}, its objects and dependency files are a local compile's${long ? ', and it runs' : ''}`, async (t) => {
    t.timeout(long ? 1_800_000 : 300_000);
    const directory = await layOut('redis', join(shared.place, `redis-${slug}`));
    const few = ['zmalloc.o', 'sds.o', 'adlist.o', 'intset.o', 'siphash.o', 'lzf_c.o', 't_set.o', 'anet.o'];
    const goals = long ? ['redis-server', 'redis-cli'] : ['DEPENDENCY_TARGETS=', ...few];
    const fixed = ['MALLOC=libc', 'USE_SYSTEMD=no', `DEBUG=${debug}`, 'OPTIMIZATION=-O2'];
    await buildBothWays(t, shared, {
      cwd: join(directory, 'src'),
      compared: directory,
      clean: ['make', 'distclean'],
      command: (launcher) => ['make', '-j4', `CC=${launcher}${cc}`, ...fixed, ...goals],
      objects: long ? 130 : few.length,
    });
    if (long) {
      const version = await shared.run(['./src/redis-server', '--version'], { cwd: directory });
      t.regex(version.stdout, /^Redis server v=7\./);
    }
    await rm(directory, { recursive: true });
  });

  test.serial(`re2 (C++17) travels with ${cxx} ${flags}, its objects and dependency files are a local compile's${long ? ', and a program with it runs' : ''}`, async (t) => {
    t.timeout(long ? 1_800_000 : 300_000);
    const directory = await layOut('re2', join(shared.place, `re2 ${slug}`));
    if (long) await addRe2Tables(directory);
    await buildBothWays(t, shared, {
      cwd: directory,
      clean: ['make', 'clean'],
      command: (launcher) => ['make', '-j4', `CXX=${launcher}${cxx}`, `CXXFLAGS=-std=c++17 ${flags} -MD`, ...re2Goals],
      objects: re2Objects,
    });
    if (long) {
      await writeFile(join(directory, 'try.cc'), tryRe2);
      const linked = await shared.run(['wardcc', cxx, '-std=c++17', '-O2', '-I.', 'try.cc', '-o', 'try', 'obj/libre2.a', '-pthread'], { cwd: directory });
      t.is(linked.status, 0, linked.stderr);
      t.is((await shared.run(['./try'], { cwd: directory })).stdout, 'ward\n');
    }
    await rm(directory, { recursive: true });
  });
}

const tryRe2 = `#include <iostream>
#include <string>
#include "re2/re2.h"
int main() {
  std::string first;
  if (!RE2::PartialMatch("the ward of cc", "\\\\b(w\\\\w+)", &first)) return 1;
  std::cout << first << "\\n";
}
`;
