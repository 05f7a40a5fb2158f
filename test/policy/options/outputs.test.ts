/** The compilers themselves say which files a command writes: each command runs in an empty directory, and the new files are compared. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import test from 'ava';
import { deriveOutputs, firstMisfit, readArguments } from '../../../policy/options/index.ts';
import type { Family } from '../../../policy/options/index.ts';

const sources = ['a.c', 'src/b.c', 'src/b.c.c', '-x c src/plain', 'dir.d/c.cc'];
const destinations = ['', '-o x.o', '-o out/x.o', '-oout/x', '-o out.dir/x', '-o x.y.o', '-o ./out/../x.o', '-o .o', '--output=out/x.obj'];
const stages = ['-c', '-S', '-c -g', '--compile', '-S -g'];
const extras: readonly (readonly [words: string, families: readonly Family[]])[] = [
  ['', ['gcc', 'clang']], ['-MD', ['gcc', 'clang']], ['-MMD -MP', ['gcc', 'clang']], ['-MD -MF d.dep', ['gcc', 'clang']],
  ['-MMD -MFout/e.d -MT t', ['gcc', 'clang']],
  ['-Wp,-MD,out/w.d', ['gcc', 'clang']], ['-Wp,-MMD,w.d,-MT,t -Wp,-D_X=1', ['gcc']], ['-gsplit-dwarf', ['gcc', 'clang']],
  ['--coverage', ['gcc', 'clang']],
  ['-ftest-coverage -fprofile-arcs', ['gcc', 'clang']], ['-fstack-usage', ['gcc', 'clang']], ['-fcallgraph-info=su', ['gcc']],
  ['-fcallgraph-info -fstack-usage', ['gcc']],
  ['-ftime-trace -ftime-trace-granularity=0', ['clang']], ['--serialize-diagnostics s.dia', ['clang']], ['-MJ out/db.json', ['clang']],
  ['-aux-info aux.txt', ['gcc']],
  ['-emit-llvm', ['clang']], ['-flto', ['gcc', 'clang']], ['-gsplit-dwarf --coverage -MD', ['gcc', 'clang']],
  ['-gsplit-dwarf=single', ['clang']],
];

const prepare = async (directory: string): Promise<void> => {
  await Promise.all(['src', 'out', 'out.dir', 'dir.d'].map(name => mkdir(join(directory, name), { recursive: true })));
  await Promise.all(['a.c', 'src/b.c', 'src/b.c.c', 'src/plain', 'dir.d/c.cc'].map(name => writeFile(join(directory, name),
    'int f(int a) { return a + 1; }\n')));
};

const files = async (directory: string): Promise<Set<string>> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return new Set(entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1)));
};

const compile = (argv: readonly string[], cwd: string): Promise<boolean> =>
  new Promise(resolve => execFile(argv[0] ?? '', argv.slice(1), { cwd, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } },
    error => resolve(error === null)));

for (const family of ['gcc', 'clang'] as const) {
  test(`what ${family} writes is what the table derives`, async t => {
    const root = await mkdtemp(join(tmpdir(), 'wardcc-outputs-'));
    t.teardown(() => rm(root, { recursive: true, force: true }));
    await prepare(join(root, 'template'));
    const before = await files(join(root, 'template'));
    const cases = extras.filter(([, families]) => families.includes(family)).flatMap(([extra], e) =>
      destinations.map((destination, d) => {
        const pick = e * 7 + d * 3;
        return [sources[pick % sources.length], destination, stages[(pick + e) % stages.length], extra].join(' ').trim();
      }));
    let compared = 0;
    for (const line of cases) {
      const argv = [family, ...line.split(/\s+/)];
      const reading = readArguments(argv, family);
      t.is(firstMisfit(reading, argv, family), undefined, line);
      const cwd = join(root, 'work');
      await cp(join(root, 'template'), cwd, { recursive: true });
      if (await compile(argv, cwd)) {
        const [main, ...rest] = deriveOutputs(reading, family).map(output => normalize(output.path));
        const written = [...(await files(cwd))].filter(name => !before.has(name)).sort();
        t.true(written.includes(main ?? ''), `${argv.join(' ')}: ${main} among ${written}`);
        const unforeseen = written.filter(name => name !== main && !rest.includes(name));
        t.deepEqual(unforeseen, [], argv.join(' '));
        const absent = rest.filter(name => !written.includes(name));
        // clang splits no debug information that -g didn't ask for
        if (!(family === 'clang' && line.includes('-gsplit-dwarf'))) t.deepEqual(absent, [], argv.join(' '));
        compared += 1;
      }
      await rm(cwd, { recursive: true });
    }
    t.log(`${compared} of ${cases.length} commands compared`);
    t.true(compared > cases.length * 0.9);
  });
}
