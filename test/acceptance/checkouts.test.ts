/**
 * Commands that map the directory of their checkout away: what one person's compile made is found by another person in another
 * checkout, and is there what a local compile makes, byte for byte: object or assembly, dependency file, diagnostics.
 *
 * @module
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { allEnded, readEvents } from '../fixtures/decision-log.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';
import { until } from '../fixtures/slow-source.ts';

const shared = shareFarm(test, ['--cores', '2']);

type Person = 'alice' | 'bob';

const common: Readonly<Record<string, string>> = {
  'include/one.h': '#pragma once\n#include <assert.h>\nstatic inline const char *one(int x) { assert(x > 1); return __FILE__; }\n',
  'include/deep/two.h': '#ifndef TWO\n#define TWO\n#include "../one.h"\nstatic inline int two(void) { int unused_in_header; return sizeof(__FILE__); }\n#endif\n',
  'include/three.h': '#include <deep/two.h>\n#define NAME __BASE_FILE__\n',
};
const source = `#include "include/three.h"
#include <stdio.h>
#if __has_include("absent.h") || __has_include("include/missing.h") || __has_include("../include/one.hh")
#error here
#endif
const char *names[] = { __FILE__, NAME, __builtin_FILE() };
unsigned sizes[] = { sizeof(__FILE__), sizeof(NAME) };
int main(void) { int unused; printf("%s%d", one(2), two()); return 0; }
`;
const cxx = `
template <class T> constexpr unsigned count(T) { unsigned r = 0; for (const char *p = __PRETTY_FUNCTION__; *p; ++p) r = r * 31 + *p; return r; }
unsigned counted = count([](int x) { return x; });
namespace { struct hidden { int f(int x) const { return x + 1; } }; }
int use(int x) { auto lambda = [&](int y) { return y + x; }; struct { int a; } none{1}; return lambda(hidden().f(x)) + none.a; }
`;

interface Build {
  readonly compiler: 'gcc' | 'g++' | 'clang' | 'clang++';
  readonly map: string;
  readonly flags: string;
  /** Whether the source and directories are named by absolute paths, as CMake does. */
  readonly absolute: boolean;
  readonly inside: 'build' | '.';
}

const lay = async (root: string, { compiler, inside }: Pick<Build, 'compiler' | 'inside'>, files: Readonly<Record<string, string>> = {}): Promise<void> => {
  const isCxx = compiler.endsWith('++');
  for (const [name, text] of Object.entries({ ...common, [`a.${isCxx ? 'cc' : 'c'}`]: isCxx ? source + cxx : source, ...files })) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  await mkdir(join(root, inside), { recursive: true });
};

const commandIn = (root: string, { compiler, map, flags, absolute, inside }: Build): string[] => {
  const top = absolute ? root : inside === '.' ? '.' : '..';
  const suffix = compiler.endsWith('++') ? 'cc' : 'c';
  return [compiler, ...map.replaceAll('ROOT', root).split(' '), ...flags.replaceAll('ROOT', root).split(' ').filter(Boolean), `-I${top}/include`, '-Wall', ...(flags.includes('-S') ? [] : ['-c']), `${top}/a.${suffix}`, '-o', 'a.o'];
};

interface Left {
  readonly status: number;
  readonly stderr: string;
  readonly object: string;
  readonly rule: string;
}

test.serial('both have an agent', async (t) => {
  for (const person of ['alice', 'bob']) {
    const settings = { ...shared.farm.as(person), HOME: await shared.directory(`home of ${person}`) };
    t.is((await shared.run(['wardctl', 'whoami'], { cwd: shared.place, settings })).status, 0);
  }
});

const readText = (path: string): Promise<string> => readFile(path, 'latin1').catch(() => 'absent');

const run = async (words: readonly string[], cwd: string, person: Person): Promise<{ left: Left; said: string }> => {
  await Promise.all(['a.o', 'a.d'].map((name) => rm(join(cwd, name), { force: true })));
  const home = await shared.directory(`home of ${person}`);
  const settings = { ...shared.farm.as(person), HOME: home, WARDCC_EXPLAIN: '1' };
  const { status, stderr } = await shared.run(words, { cwd, settings });
  const lines = stderr.split(/(?<=\n)/);
  const said = lines.filter((line) => line.startsWith('wardcc: ')).join('');
  const printed = lines.filter((line) => !line.startsWith('wardcc: ')).join('');
  return { left: { status, stderr: printed, object: await readText(join(cwd, 'a.o')), rule: await readText(join(cwd, 'a.d')) }, said };
};

/** Compiles in both checkouts, here and by the farm. Returns what was said of the second. */
const compileInBoth = async (t: ExecutionContext<unknown>, build: Build, [first, second]: readonly [string, string], files?: Readonly<Record<string, string>>): Promise<string> => {
  const said: string[] = [];
  for (const [root, person] of [[first, 'alice'], [second, 'bob']] as const) {
    await lay(root, build, files);
    const [cwd, command] = [join(root, build.inside), commandIn(root, build)];
    const here = await run(command, cwd, person);
    const there = await run(['wardcc', ...command], cwd, person);
    t.is(here.left.status, 0, here.left.stderr);
    t.deepEqual(there.left, here.left, `${command.join(' ')}\n${there.said}`);
    said.push(there.said);
    // A result is kept after it was answered.
    await until('what was made is kept', () => allEnded(readEvents(join(shared.farm.directory, 'log'))));
  }
  return said[1]!;
};

const root = (...names: string[]): string => join(shared.place.replaceAll(' ', '_'), ...names);
test.after.always(() => rm(root(), { recursive: true, force: true }));

let serial = 0;
const names = fc.array(fc.stringMatching(/^[a-z][a-z0-9._+-]{0,14}$/), { minLength: 1, maxLength: 3 });
const build = fc.record<Build>({
  compiler: fc.constantFrom('gcc', 'g++', 'clang', 'clang++'),
  map: fc.constantFrom('-ffile-prefix-map=ROOT=.', '-ffile-prefix-map=ROOT=/usr/src/debug', '-fdebug-prefix-map=ROOT=/b -fmacro-prefix-map=ROOT=m'),
  flags: fc.array(fc.constantFrom('-g', '-g3', '-O2', '-gdwarf-4', '-MMD', '-MD -MP', '-fPIC', '-fdiagnostics-color=always', '-Wextra', '-S'), { maxLength: 4 })
    .map((flags) => [...new Set(flags)].join(' ')).filter((flags) => !(flags.includes('-MMD') && flags.includes('-MD'))),
  absolute: fc.boolean(),
  inside: fc.constantFrom('.', 'build'),
});

test.serial('in another checkout everything is found that was made in the first, and is what a local compile makes there', async (t) => {
  t.timeout(400_000);
  const tally = { hit: 0, own: 0 };
  const runs = process.env['WARDCC_LONG'] === '1' ? 200 : 14;
  await fc.assert(fc.asyncProperty(build, names, names, async (each, a, b) => {
    const place = String(++serial);
    // A flag of its own: nothing of another run is found.
    const own = { ...each, flags: `${each.flags} -DRUN_${serial}` };
    const said = await compileInBoth(t, own, [root(place, 'first', ...a), root(place, 'second', ...b)]);
    const shares = !(each.compiler.startsWith('clang') && each.absolute);
    if (shares) t.regex(said, /^wardcc: hit: a\.cc? on \S+, [0-9]+ ms\n$/, JSON.stringify({ own, a, b }));
    else t.regex(said, /^wardcc: remote: /);
    tally[shares ? 'hit' : 'own'] += 1;
  }), { numRuns: runs });
  t.log(tally);
});

const plain: Build = { compiler: 'gcc', map: '-ffile-prefix-map=ROOT=.', flags: '-g -MMD', absolute: true, inside: 'build' };
const kept: readonly [string, Partial<Build>, Readonly<Record<string, string>>?][] = [
  ['a map of macros alone, with debug information', { map: '-fmacro-prefix-map=ROOT=.' }],
  ['a map of debug information alone, with absolute names', { map: '-fdebug-prefix-map=ROOT=.' }],
  ['a map of something else', { map: '-ffile-prefix-map=/nowhere=.' }],
  ['a map of a part of the name', { map: '-ffile-prefix-map=ROOT=. -ffile-prefix-map=/t=x' }],
  ['link-time optimisation', { flags: '-flto -frandom-seed=1' }],
  ['compressed debug information', { flags: '-g -gz' }],
  ['split debug information', { flags: '-g -gsplit-dwarf' }],
  ['recorded options', { flags: '-frecord-gcc-switches' }],
  ['a sanitizer, which names files', { flags: '-fsanitize=address' }],
  ['coverage, which names files', { flags: '--coverage -frandom-seed=1' }],
  ['a list of headers, which is sorted by their paths', { flags: '-H' }],
  ['a macro with the directory in it', { flags: '-DDATA=\\"ROOT/data\\"' }],
  ['a way over the top', { absolute: false }, { 'include/three.h': '#include <deep/two.h>\n#define NAME __BASE_FILE__\n#if __has_include("../../../one/more/include/one.h")\nint one_more;\n#endif\n' }],
  ['lambdas of clang, whose names have directories', { compiler: 'clang++' }],
];
for (const [what, change, files] of kept) {
  test.serial(`${what}: each checkout has results of its own, and they are a local compile's`, async (t) => {
    const place = String(++serial);
    const said = await compileInBoth(t, { ...plain, ...change }, [root(place, 'one', 'more'), root(place, 'another', 'one')], files);
    t.regex(said, /^wardcc: remote: a\.cc? on \S+, [0-9]+ ms\n$/);
  });
}
