/**
 * Options that write more than an object, read more than includes, or change what is said: whether such a command travels or not,
 * status, words and files are those of a local compile. Without `WARDCC_LONG=1` each compiler is asked about every other one of
 * those that both know.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { compare } from '../fixtures/compare.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const long = process.env['WARDCC_LONG'] === '1';
const shared = shareFarm(test);

const source = `#include <stdio.h>
#include <assert.h>
#include "near.h"
#include <far.h>
#ifndef GREETING
#define GREETING "hello"
#endif
static int square(int x) { return x * x; }
int sum(const int *values, int count) {
  int total = 0;
  for (int i = 0; i < count; i++) total += square(values[i]) + NEAR + FAR;
  assert(total >= 0 && __FILE__[0] != 0);
  return total;
}
int main(void) { int values[3] = { 1, 2, 3 }; int unused; printf("%s %d\\n", GREETING, sum(values, 3)); return 0; }
`;

const prepare = async (directory: string): Promise<void> => {
  for (const folder of ['include', 'system', 'out', 'include/late']) await mkdir(join(directory, folder));
  const files: Readonly<Record<string, string>> = {
    'main.c': source,
    'near.h': '#pragma once\n#define NEAR 1\n',
    'include/far.h': '#ifndef FAR\n#define FAR 2\n#endif\n',
    'include/late/near.h': '#define NEAR 5\n',
    'system/forced.h': '#define FORCED 1\nstatic inline int forced(void) { return FORCED; }\n',
    'ignore.txt': 'fun:square\n',
    'more.rsp': '-O1 "-DGREETING=\\"from a file\\"" -Wextra\n@inner.rsp\n',
    'inner.rsp': '-DINNER=1\n',
    'specs.txt': '*cc1:\n+ -DFROM_SPECS\n\n',
    'order.map': 'global: *;\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
};

const both: readonly string[] = [
  // further outputs
  '-MD', '-MMD -MP', '-MD -MF out/deps', '-MD -MT "a target" -MQ $(odd)', '-MMD -MF out/x.d -MT one -MT two', '-Wp,-MD,out/p.d', '-Wp,-MMD,out/p.d,-MT,t', '-MD -MG',
  '-gsplit-dwarf -g', '-gsplit-dwarf -g -o out/split.o', '-save-temps', '-save-temps=obj -o out/kept.o', '-fstack-usage -O2', '--coverage', '-fprofile-arcs -ftest-coverage -o out/c.o',
  '-S', '-S -fverbose-asm -O2', '-S -masm=intel -o out/intel.s', '-fprofile-generate -O2', '-pg',
  // debug information and recorded words
  '-g', '-g3', '-ggdb3 -O2', '-gdwarf-4', '-gdwarf-5', '-gz', '-g1', '-fdebug-prefix-map=$PWD=/build', '-g -ffile-prefix-map=$PWD=.', '-fmacro-prefix-map=$PWD=/m', '-g -fdebug-compilation-dir=/elsewhere',
  '-frecord-gcc-switches -g', '-grecord-gcc-switches -g', '-gno-record-gcc-switches -g', '-g -fno-working-directory',
  // code
  '-O3 -march=native', '-O2 -mtune=native', '-flto', '-flto -ffat-lto-objects -O2', '-fPIC -fvisibility=hidden', '-ffunction-sections -fdata-sections', '-fsanitize=address,undefined -g', '-fopenmp', '-pthread',
  '-m32', '-fno-builtin -ffreestanding', '-O2 -frandom-seed=1', '-fcommon -funwind-tables', '-std=c99 -pedantic-errors', '-ansi', '-Os -fno-asynchronous-unwind-tables',
  // inputs
  '-include system/forced.h', '-imacros system/forced.h', '-isystem system -include forced.h', '-iquote include/late', '-idirafter include/late', '-iprefix include/ -iwithprefix late', '-Isystem -I include/late', '-nostdinc',
  '-I-', '@more.rsp', '@missing.rsp', '-DGREETING=\'"with space"\'', '-U__linux__ -DFAR=9', '-x c', '-xc', '-x c++', '-xc -O1 -x none', '-B.', '--sysroot=/', '-specs=specs.txt',
  // diagnostics
  '-Wall -Wextra', '-Wall -Werror', '-w', '-Wall -fdiagnostics-parseable-fixits', '-Wall -fno-diagnostics-show-option', '-Wall -fdiagnostics-color=always', '-fmax-errors=1 -DNEAR=x', '-Wall -fmessage-length=40', '-Weverything',
  '-Wa,-L', '-Wa,-adhln', '-Wa,-adhln=out/listing', '-Wa,--noexecstack', '-Wl,-z,now', '-Wno-such-warning', '-Wp,-DGREETING=1',
  // words that end it early
  '-E', '-E -dM', '-M', '-MM', '-fsyntax-only', '-v', '-###', '--version', '-dumpmachine', '-print-search-dirs', '--help', '-fno-such-thing', '-Xassembler -L', '-Xpreprocessor -DX',
];

const gccOnly: readonly string[] = [
  '-fdump-tree-optimized -O2', '-fdump-rtl-all', '-dumpdir out/ -fdump-tree-original', '-aux-info out/info', '-fcallgraph-info', '-fopt-info -O2', '-fopt-info-vec-all=out/vec -O3', '-fsave-optimization-record -O2',
  '-fdiagnostics-format=json -Wall', '-fanalyzer', '-ftrack-macro-expansion=0 -Wall', '-fplugin=missing', '-wrapper echo', '-no-canonical-prefixes', '-fdump-go-spec=out/go', '-fdiagnostics-generate-patch -Wall',
  '-pipe', '-no-integrated-cpp', '-fdirectives-only',
];
const clangOnly: readonly string[] = [
  '-ftime-trace', '--serialize-diagnostics out/d.dia -Wall', '-MJ out/json', '-fsanitize=undefined -fsanitize-ignorelist=ignore.txt', '-emit-llvm', '-S -emit-llvm -O2', '-fno-integrated-as', '-Rpass=inline -O2', '-fsave-optimization-record -O2',
  '-mllvm -inline-threshold=0', '-Xclang -ast-dump', '-fmodules', '-target aarch64-linux-gnu', '--analyze', '-fcrash-diagnostics-dir=out', '-Wall -fdiagnostics-format=msvc', '-fcoverage-mapping -fprofile-instr-generate',
  '-frecord-command-line', '-fembed-bitcode', '-fdebug-compilation-dir . -g', '-Wall -fno-caret-diagnostics', '-fdepfile-entry=order.map -MD', '-ivfsoverlay missing',
];

const shareOf = (remainder: 0 | 1): readonly string[] => both.filter((_, index) => long || index % 2 === remainder);

for (const [compiler, list] of [['gcc', [...shareOf(0), ...gccOnly]], ['clang', [...shareOf(1), ...clangOnly]]] as const) {
  for (const options of list) {
    test.serial(`${compiler} ${options}`, async (t) => {
      const output = / -o |^-o /.test(options) ? '' : '-o out/main.o';
      await compare(t, shared, `${compiler} options`, {
        command: (launcher) => ['sh', '-c', `exec ${launcher} ${compiler} -Iinclude ${options} -c main.c ${output}`],
        prepare,
        how: 'any',
        status: undefined,
      });
    });
  }
}

test.serial('most of these travelled', async (t) => {
  const { jobs, localReasons } = await shared.counts();
  t.log(JSON.stringify({ jobs, localReasons }));
  t.true(jobs.remote + jobs.hit > jobs.local);
});
