/**
 * Precompiled headers: made by the farm and then used by the farm, with the object that a local compile makes of the very same
 * compiled header. Any other one keeps a compile here, and a server takes none that it cannot prove.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test, ['--cores', '2']);
const settings = { WARDCC_EXPLAIN: '1', WARDCC_FALLBACK: 'infra' };

/** Ends the agent, and waits for the next one: under load a launcher does not. */
const nextAgent = async (directory: string): Promise<void> => {
  for (const verb of ['stop', 'whoami']) await shared.run(['wardctl', verb], { cwd: directory });
};

test.serial('an agent runs', async (t) => {
  await nextAgent(shared.place);
  t.is((await shared.counts()).jobs.failed, 0);
});

const prepare = async (name: string, suffix: 'c' | 'cc'): Promise<string> => {
  const directory = await shared.directory(name);
  await mkdir(join(directory, 'pch'), { recursive: true });
  const header = suffix === 'c'
    ? '#include <stdio.h>\n#include <stdlib.h>\n#include "own.h"\nstatic inline int square(int x) { return x * x + OWN; }\n'
    : '#include <vector>\n#include <string>\n#include "own.h"\ntemplate <class T> int square(T x) { return x * x + OWN + int(std::vector<T>(3).size()); }\n';
  await writeFile(join(directory, 'pch/all.h'), header);
  await writeFile(join(directory, 'pch/own.h'), '#define OWN 5\n');
  await writeFile(join(directory, `a.${suffix}`), 'int main(void) { int unused; return square(3); }\n');
  return directory;
};

const said = async (directory: string, words: string): Promise<{ status: number; stderr: string }> =>
  shared.run(['sh', '-c', `exec ${words}`], { cwd: directory, settings });

const sameAsHere = async (t: ExecutionContext<unknown>, directory: string, words: string): Promise<void> => {
  const files = ['a.o', 'a.d'];
  const there = await Promise.all(files.map((name) => readFile(join(directory, name))));
  t.is((await said(directory, words)).status, 0);
  const here = await Promise.all(files.map((name) => readFile(join(directory, name))));
  t.deepEqual(there, here);
};

for (const [compiler, language, suffix] of [['gcc', 'c-header', 'c'], ['g++', 'c++-header', 'cc']] as const) {
  for (const flags of ['-O2', '-g -O1']) {
    test.serial(`${compiler} ${flags}: a header that the farm precompiled is used by the farm`, async (t) => {
      const directory = await prepare(`used ${compiler} ${flags}`, suffix);
      const made = await said(directory, `wardcc ${compiler} ${flags} -x ${language} -c pch/all.h -o pch/all.h.gch -MD -MF pch/all.d`);
      t.regex(made.stderr, /^wardcc: remote: all\.h on /);
      // CMake forces the header, other people include it.
      const use = `${compiler} ${flags} -Wall -Winvalid-pch -H -include pch/all.h -MD -c a.${suffix} -o a.o`;
      const used = await said(directory, `wardcc ${use}`);
      t.regex(used.stderr, /wardcc: remote: a\.cc? on /, used.stderr);
      t.regex(used.stderr, /^! .*all\.h\.gch$/m, 'it was taken');
      t.regex(used.stderr, /unused variable/);
      await sameAsHere(t, directory, use);
      await writeFile(join(directory, `a.${suffix}`), '#include "pch/all.h"\nint main(void) { return square(4); }\n');
      const included = `${compiler} ${flags} -MD -c a.${suffix} -o a.o`;
      t.regex((await said(directory, `wardcc ${included}`)).stderr, /^wardcc: remote: a\.cc? on /);
      await sameAsHere(t, directory, included);
      t.regex((await said(directory, `wardcc ${included}`)).stderr, /kept here/);
    });
  }
}

test.serial('one that is made without -c is made by the farm too', async (t) => {
  const directory = await prepare('plain', 'c');
  t.regex((await said(directory, 'wardcc gcc -O2 pch/all.h -o pch/all.h.gch')).stderr, /^wardcc: remote: all\.h on /);
  const use = 'gcc -O2 -Winvalid-pch -H -include pch/all.h -MD -c a.c -o a.o';
  const used = await said(directory, `wardcc ${use}`);
  t.regex(used.stderr, /wardcc: remote: a\.c on /, used.stderr);
  t.regex(used.stderr, /^! .*all\.h\.gch$/m, 'it was taken');
  await sameAsHere(t, directory, use);
});

test.serial('one that was made here, or changed since, keeps a compile here', async (t) => {
  const directory = await prepare('foreign', 'c');
  const use = 'wardcc gcc -include pch/all.h -c a.c -o a.o';
  await said(directory, 'gcc pch/all.h -o pch/all.h.gch');
  t.regex((await said(directory, use)).stderr, /^wardcc: local: a\.c: precompiled-header /);
  await said(directory, 'wardcc gcc -x c-header -c pch/all.h -o pch/all.h.gch');
  t.regex((await said(directory, use)).stderr, /^wardcc: remote: /);
  const made = await readFile(join(directory, 'pch/all.h.gch'));
  made[made.length - 1]! ^= 1;
  await writeFile(join(directory, 'pch/all.h.gch'), made);
  t.regex((await said(directory, use)).stderr, /^wardcc: local: a\.c: precompiled-header /m);
});

test.serial('the next agent knows what the farm made', async (t) => {
  const directory = await prepare('later', 'c');
  await said(directory, 'wardcc gcc -DLATER -x c-header -c pch/all.h -o pch/all.h.gch');
  await nextAgent(directory);
  t.regex((await said(directory, 'wardcc gcc -DLATER -include pch/all.h -c a.c -o a.o')).stderr, /^wardcc: remote: a\.c on /);
});

test.serial('somebody who says that the farm made one is not believed: the server has no proof', async (t) => {
  const directory = await prepare('claimed', 'c');
  await said(directory, 'gcc -DCLAIMED pch/all.h -o pch/all.h.gch');
  const digest = createHash('sha256').update(await readFile(join(directory, 'pch/all.h.gch'))).digest('hex');
  const [folder] = (await readdir(shared.place, { recursive: true, withFileTypes: true })).filter((entry) => entry.isDirectory() && entry.name === 'precompiled');
  await writeFile(join(folder!.parentPath, 'precompiled', digest), '');
  await nextAgent(directory);
  const use = 'wardcc gcc -DCLAIMED -include pch/all.h -c a.c -o a.o';
  t.regex((await said(directory, use)).stderr, /^wardcc: local: a\.c: input-unsigned /m);
  const refused = await shared.run(['sh', '-c', `exec ${use}`], { cwd: directory });
  t.is(refused.status, 116);
  t.regex(refused.stderr, /was not made by this farm with this compiler.*\[input-unsigned\]/);
});

test.serial('a header with an error: the words of a local compile, and what one leaves', async (t) => {
  const directory = await prepare('error', 'c');
  for (const output of ['', ' -o pch/all.h.gch']) {
    const left: unknown[] = [];
    for (const launcher of ['wardcc ', '']) {
      await writeFile(join(directory, 'pch/all.h'), 'int x;\n');
      t.is((await said(directory, `gcc -c pch/all.h${output}`)).status, 0);
      await writeFile(join(directory, 'pch/all.h'), 'int f( {\n');
      const { status, stderr } = await said(directory, `${launcher}gcc -c pch/all.h${output}`);
      if (launcher !== '') t.regex(stderr, /^wardcc: remote: all\.h on /m);
      left.push({ status, words: stderr.replace(/^wardcc: .*\n/m, ''), files: await readdir(join(directory, 'pch')) });
    }
    t.deepEqual(left[0], left[1]);
  }
});

test.serial('clang\'s, which remember the times of headers, are made and used here', async (t) => {
  const directory = await prepare('clang', 'c');
  t.regex((await said(directory, 'wardcc clang -x c-header -c pch/all.h -o pch/all.h.pch')).stderr, /^wardcc: local: all\.h: precompiled-header /);
  t.regex((await said(directory, 'wardcc clang -include pch/all.h -c a.c -o a.o')).stderr, /wardcc: local: a\.c: precompiled-header /);
});
