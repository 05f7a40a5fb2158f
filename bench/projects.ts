/**
 * What the bench compiles: real projects, each as a list of files under one makefile that does nothing but compile them. So
 * every contender runs the same commands, and linking and generated parts do not blur the figures.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contender } from './contenders/contender.ts';

export interface Project {
  readonly name: string;
  readonly language: 'c' | 'c++';
  readonly jobs: number;
  /** Where the makefile is. */
  readonly directory: string;
}

/** The project of one job in the same language: it opens sessions and makes the compiler known. */
export const warmUpFor = ({ language }: Project): string => (language === 'c' ? 'tiny' : 'tiny++');

/** What stands before the arguments of each compile. */
export const commandFor = ({ language }: Project, contender: Contender): string => contender.command(language === 'c' ? 'gcc' : 'g++');

interface Recipe {
  readonly language: 'c' | 'c++';
  /** Relative to the repository. */
  readonly sources: string;
  readonly flags: string;
  files(root: string): Promise<string[]>;
  prepare?(root: string): Promise<void>;
  /** One that most files include. */
  readonly header?: string;
}

const repository = fileURLToPath(new URL('..', import.meta.url));

const filesIn = async (root: string, directory: string, ending: string): Promise<string[]> =>
  (await readdir(join(root, directory))).filter((name) => name.endsWith(ending)).sort().map((name) => join(directory, name));

const manyFiles = 2_000;
const manyHeaders = 300;
const headersEach = 20;

/** A large program: each file includes some of the program's headers, which are some kilobytes long, and some of the system's. */
const writeMany = async (root: string): Promise<void> => {
  for (let header = 0; header < manyHeaders; header++) {
    const fields = Array.from({ length: 60 }, (_, field) => `  int field_${header}_${field}; /* what it is for */\n`).join('');
    await writeFile(join(root, `h${header}.h`), `#ifndef H${header}\n#define H${header}\nstruct h${header} {\n${fields}};\n#endif\n`);
  }
  for (let file = 0; file < manyFiles; file++) {
    const included = Array.from({ length: headersEach }, (_, index) => `#include "h${(file + index * 13) % manyHeaders}.h"\n`).join('');
    await writeFile(join(root, `f${file}.c`), `#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n${included}int f${file}(void) { return puts("${file}"); }\n`);
  }
};

const recipes: Readonly<Record<string, Recipe>> = {
  tiny: {
    language: 'c',
    sources: '',
    flags: '-O2',
    files: async () => ['tiny.c'],
    prepare: (root) => writeFile(join(root, 'tiny.c'), 'int tiny(int a) { return a + 1; }\n'),
  },
  'tiny++': {
    language: 'c++',
    sources: '',
    flags: '-O2',
    files: async () => ['tiny.cc'],
    prepare: (root) => writeFile(join(root, 'tiny.cc'), 'int tiny(int a) { return a + 1; }\n'),
  },
  many: {
    language: 'c',
    sources: '',
    flags: '-O0',
    files: async () => Array.from({ length: manyFiles }, (_, index) => `f${index}.c`),
    prepare: writeMany,
  },
  lua: {
    language: 'c',
    sources: 'test/fixtures/projects/lua/src',
    flags: '-O2 -Wall -Wextra -DLUA_COMPAT_5_3 -DLUA_USE_LINUX',
    files: (root) => filesIn(root, '.', '.c'),
    header: 'lua.h',
  },
  re2: {
    language: 'c++',
    sources: '.cache/sources/re2',
    flags: '-std=c++17 -O2 -Wall -Wextra -pthread -I.',
    files: async (root) => [...(await filesIn(root, 're2', '.cc')), 'util/rune.cc', 'util/strutil.cc'],
    header: 're2/re2.h',
  },
  redis: {
    language: 'c',
    sources: '.cache/sources/redis',
    flags: '-std=c11 -O2 -Wall -W -Wno-missing-field-initializers -Ideps/hiredis -Ideps/linenoise -Ideps/lua/src -Ideps/hdr_histogram',
    // ae.c includes the other ae files; release.c needs a header that holds the time of the build.
    files: async (root) => (await filesIn(root, 'src', '.c')).filter((file) => !/^(ae_.*|release)\.c$/.test(basename(file))),
    header: 'src/server.h',
  },
};

export const projectNames: readonly string[] = Object.keys(recipes);

/** The compiler may be several words; ROUND makes each build one that nobody has seen before. */
const makefile = (files: readonly string[], flags: string): string => {
  const objects = files.map((file) => `out/${file.replaceAll('/', '-').replace(/\.[^.]+$/, '.o')}`);
  const rules = files.map((file, index) => {
    const object = objects[index];
    return `${object}: ${file}\n\t@$(COMPILER) ${flags} -DBENCH_ROUND=$(ROUND) -c ${file} -o ${object}\n`;
  });
  return `all: ${objects.join(' ')}\n\n${rules.join('\n')}`;
};

/**
 * Lays out a project under `place`, anew if it was there.
 *
 * @throws Error when its sources were not fetched.
 */
export const layOut = async (name: string, place: string): Promise<Project> => {
  const recipe = recipes[name];
  if (recipe === undefined) throw new Error(`there is no project ${name}: ${projectNames.join(', ')}`);
  const directory = join(place, name);
  const sources = join(repository, recipe.sources);
  if (recipe.sources !== '' && !existsSync(sources)) throw new Error(`${sources} is missing: npm run bench fetches it`);
  await rm(directory, { recursive: true, force: true });
  if (recipe.sources === '') await mkdir(directory, { recursive: true });
  else await cp(sources, directory, { recursive: true });
  await recipe.prepare?.(directory);
  const files = await recipe.files(directory);
  await writeFile(join(directory, 'bench.mk'), makefile(files, recipe.flags));
  return { name, language: recipe.language, jobs: files.length, directory };
};

/** Identical bytes, by object name. */
export const readObjects = async (project: Project): Promise<Map<string, Buffer>> => {
  const out = join(project.directory, 'out');
  const names = await readdir(out).catch(() => []);
  return new Map(await Promise.all(names.map(async (name): Promise<[string, Buffer]> => [name, await readFile(join(out, name))])));
};

const isSource = (name: string): boolean => /\.(c|cc|h)$/.test(name);

/** A line that changes no object, and yet is more than a comment: some tools look at what the preprocessor leaves. */
const line = (name: string): string => `\nstruct bench_${name};\n`;

/** Adds a line to every source and header, so that nobody has seen any of them. */
export const freshen = async (project: Project, turn: number): Promise<void> => {
  const entries = await readdir(project.directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter(({ name }) => isSource(name))) {
    if (entry.isFile()) await appendFile(join(entry.parentPath, entry.name), line(`turn_${turn}`));
  }
};

/** Changes one header that most files include, by a line that changes no object. */
export const changeHeader = async ({ name, directory }: Project): Promise<void> => {
  const { header } = recipes[name] ?? {};
  if (header === undefined) throw new Error(`${name} has no header that most files include`);
  await appendFile(join(directory, header), line('changed'));
};
