/**
 * Sources and folders may have any name and lie anywhere; what comes out is what a local compile leaves.
 *
 * @module
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { compare } from '../fixtures/compare.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test);

/** A source and its header, side by side or in folders. Warns, so that the name shows in a diagnostic, and keeps `__FILE__`. */
const layOut = async (directory: string, source: string, header: string): Promise<void> => {
  for (const file of [source, header]) await mkdir(dirname(join(directory, file)), { recursive: true });
  await writeFile(join(directory, header), '#ifndef ANSWER\n#define ANSWER 42\nstatic const char *const header = __FILE__;\n#endif\n');
  const toHeader = '../'.repeat(source.split('/').length - 1) + header;
  await writeFile(join(directory, source), `#include "${toHeader}"\nconst char *where(void) { int unused; return ANSWER ? __FILE__ : header; }\n`);
};

const names: readonly (readonly [string, string])[] = [
  ['spaces', 'a folder/a source  file'],
  ['single quotes', 'it\'s/it\'s'],
  ['double quotes', 'a "folder"/a "source"'],
  ['percent signs', '100%/50%s%20'],
  ['unicode', 'größe/日本語 é 😀'],
  ['a leading dash', '-folder/-source'],
  ['shell characters', '$(false)/`;&|<>*?[x]{y}~#!'],
  ['a backslash', 'back\\folder/back\\slash'],
  ['an equals sign and a comma', 'a=b,c/d=e,f'],
  ['a plus and an at sign', '@folder+/+@source'],
  ['a colon', 'a:b/c:d'],
  ['a newline', 'two\nlines/of\ntext'],
];

// A quote or a newline cannot stand in an #include line; such a name is tried for the source and its folder only.
const headerOf = (name: string): string => (/["\n\\]/.test(name) ? 'plain/header.h' : `${name}.h`);

for (const [what, name] of names) {
  for (const [compiler, ending] of [['gcc', 'c'], ['clang++', 'cc']] as const) {
    test.serial(`${compiler} compiles names with ${what}`, async (t) => {
      const source = `${name}.${ending}`;
      await compare(t, shared, `${compiler} ${what}`, {
        command: [compiler, '-g', '-Wall', '-MD', '-c', `./${source}`, '-o', `./${name}.o`],
        prepare: (directory) => layOut(directory, source, headerOf(name)),
        how: 'remote',
      });
    });
  }
}

test.serial('gcc compiles in a folder with an odd name, source and output named without a folder', async (t) => {
  for (const folder of ['with space', '-dash', 'per%cent', 'ünïcode', '"quotes\'']) {
    await compare(t, shared, `in ${folder}`, {
      command: ['gcc', '-g', '-Wall', '-MMD', '-c', 'main.c', '-o', '-main.o'],
      cwd: folder,
      prepare: async (directory) => {
        await mkdir(join(directory, folder));
        await writeFile(join(directory, folder, 'main.c'), 'int main(void) { int unused; return 0; }\n');
      },
      how: 'remote',
    });
  }
});

test.serial('search folders with odd names are searched', async (t) => {
  for (const folder of ['with space', '-dash', 'per%cent', 'ünïcode']) {
    await compare(t, shared, `searching ${folder}`, {
      command: ['gcc', '-g', '-MMD', `-I${folder}`, '-isystem', `./${folder}/inner`, '-c', 'main.c'],
      prepare: async (directory) => {
        await mkdir(join(directory, folder, 'inner'), { recursive: true });
        await writeFile(join(directory, folder, 'one.h'), 'enum { one = 1 };\n');
        await writeFile(join(directory, folder, 'inner', 'two.h'), 'enum { two = 2 };\n');
        await writeFile(join(directory, 'main.c'), '#include <one.h>\n#include <two.h>\nint three(void) { return one + two; }\n');
      },
      how: 'remote',
    });
  }
});

test.serial('a name that is not UTF-8 is compiled here, and right', async (t) => {
  await compare(t, shared, 'latin1', {
    command: (launcher) => ['sh', '-c', `${launcher} gcc -c "$(printf 'caf\\351.c')" -o out.o`],
    prepare: async (directory) => {
      await writeFile(Buffer.concat([Buffer.from(`${directory}/caf`), Buffer.from([0xe9]), Buffer.from('.c')]), 'int one;\n');
    },
    how: 'local',
  });
});

test.serial('a project outside /tmp travels', async (t) => {
  const place = await mkdtemp('/var/tmp/wardcc acceptance ');
  t.teardown(() => rm(place, { recursive: true }));
  await writeFile(join(place, 'main.c'), '#include <stdio.h>\nint main(void) { return puts(__FILE__) < 0; }\n');
  await compare(t, shared, 'outside', { command: ['gcc', '-g', '-c', join(place, 'main.c'), '-o', 'main.o'], cwd: place, prepare: async () => undefined, how: 'remote' });
});

test.serial('a folder, a source and a header behind symbolic links travel, and PWD names the folder as the user does', async (t) => {
  for (const compiler of ['gcc', 'clang']) {
    await compare(t, shared, `links ${compiler}`, {
      // The shell sets PWD to the link, which is what debug information then says.
      command: (launcher) => ['sh', '-c', `cd linked && exec ${launcher} ${compiler} -g -Wall -MD -Ioutside -c entry.c -o entry.o`],
      prepare: async (directory) => {
        for (const folder of ['real', 'elsewhere']) await mkdir(join(directory, folder));
        await symlink('real', join(directory, 'linked'));
        await symlink('../elsewhere', join(directory, 'real', 'outside'));
        await symlink('outside/source.c', join(directory, 'real', 'entry.c'));
        await symlink(join(directory, 'elsewhere', 'target.h'), join(directory, 'elsewhere', 'header.h'));
        await writeFile(join(directory, 'elsewhere', 'target.h'), 'static int unused_in_header(void) { return 1; }\n');
        await writeFile(join(directory, 'elsewhere', 'source.c'), '#include <header.h>\n#include "../real/next.h"\nint main(void) { int unused; return NEXT; }\n');
        await writeFile(join(directory, 'real', 'next.h'), '#define NEXT 0\n');
      },
      how: 'remote',
    });
  }
});

test.serial('in a deleted folder the compiler says what it says anywhere', async (t) => {
  for (const compiler of ['gcc', 'clang']) {
    await compare(t, shared, `deleted ${compiler}`, {
      command: (launcher) => ['sh', '-c', `mkdir gone && cd gone && rmdir ../gone && exec ${launcher} ${compiler} -c "$1" -o "$2"`, 'sh',
        join(shared.place, 'work', `deleted ${compiler}`, 'main.c'), join(shared.place, 'work', `deleted ${compiler}`, 'main.o')],
      prepare: (directory) => writeFile(join(directory, 'main.c'), 'int main(void) { return 0; }\n'),
      how: 'none',
    });
  }
});

test.serial('a header that is deleted and comes back, and one that changes within a second, are read anew', async (t) => {
  const directory = await shared.directory('changing');
  const header = join(directory, 'value.h');
  await writeFile(join(directory, 'main.c'), '#if __has_include("value.h")\n#include "value.h"\n#endif\n#ifndef VALUE\n#define VALUE "none"\n#endif\nconst char *value = VALUE;\n');
  const seen: string[] = [];
  for (const value of ['one', 'two', undefined, 'six', 'ten']) {
    if (value === undefined) await rm(header);
    else await writeFile(header, `#define VALUE "${value}"\n`);
    const { status, stderr } = await shared.run(['wardcc', 'gcc', '-S', 'main.c', '-o', 'main.s'], { cwd: directory });
    t.is(status, 0, stderr);
    const { stdout } = await shared.run(['grep', '-o', '"[a-z]*"', 'main.s'], { cwd: directory });
    seen.push(stdout.split('\n')[0]!);
  }
  t.deepEqual(seen, ['"one"', '"two"', '"none"', '"six"', '"ten"']);
});
