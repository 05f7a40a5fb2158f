/**
 * What a compiler says is the same text wherever it runs: warnings, errors, caret lines, colours and links, at any width of the
 * terminal.
 *
 * @module
 */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { compare } from '../fixtures/compare.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test);

const samples = fileURLToPath(new URL('../fixtures/projects/diagnostics', import.meta.url));

const prepare = async (directory: string): Promise<void> => {
  await cp(samples, directory, { recursive: true });
  // Bytes that no UTF-8 decoder takes, in a line that is quoted.
  await writeFile(join(directory, 'latin1.c'), Buffer.from('int caf\xe9(void) { int unused; return "\xe4\xf6\xfc"; }\r\n', 'latin1'));
};

const warnings = ['-Wall', '-Wextra', '-Wconversion', '-Wshadow'];
const compilers = { c: ['gcc', 'clang'], 'c++': ['g++', 'clang++'] } as const;

const cases = [
  { what: 'a C file full of warnings', language: 'c', file: 'warnings.c', options: [...warnings, '-O2'], fails: false },
  { what: 'a C file full of errors', language: 'c', file: 'errors.c', options: warnings, fails: true },
  { what: 'a C++ file full of warnings', language: 'c++', file: 'warnings.cc', options: [...warnings, '-std=c++17'], fails: false },
  { what: 'a C++ file full of errors in templates', language: 'c++', file: 'errors.cc', options: ['-std=c++17'], fails: true },
  { what: 'a file that is neither UTF-8 nor correct', language: 'c', file: 'latin1.c', options: warnings, fails: undefined },
] as const;

const expectedStatus = async (compiler: string, options: readonly string[], file: string, fails: boolean | undefined): Promise<number> => {
  if (fails !== undefined) return fails ? 1 : 0;
  const place = await shared.directory('probe');
  await prepare(place);
  return (await shared.run([compiler, ...options, '-c', file, '-o', 'probe.o'], { cwd: place })).status;
};

for (const { what, language, file, options, fails } of cases) {
  for (const compiler of compilers[language]) {
    test.serial(`${compiler} says the same of ${what}, without a terminal`, async (t) => {
      const status = await expectedStatus(compiler, options, file, fails);
      const { stderr } = await compare(t, shared, `${compiler} ${file}`, { command: [compiler, ...options, '-c', file, '-o', 'out.o'], prepare, how: 'remote', status });
      t.true(stderr.split('\n').length > (fails === undefined ? 2 : 20), stderr);
      t.notRegex(stderr, /\x1b/);
    });

    test.serial(`${compiler} says the same of ${what}, on a terminal`, async (t) => {
      const status = await expectedStatus(compiler, options, file, fails);
      const { stdout } = await compare(t, shared, `${compiler} ${file} tty`, {
        command: (launcher) => terminal(`stty cols ${compiler.startsWith('g') ? 160 : 63}; exec ${launcher} ${[compiler, ...options].join(' ')} -c ${file} -o out.o`),
        prepare,
        settings: { TERM: 'xterm-256color', COLORTERM: 'truecolor' },
        how: 'remote',
        status,
      });
      t.regex(stdout, /\x1b\[/, 'colours');
    });
  }
}

/** A terminal of its own for a shell command; what it shows is the standard output. */
const terminal = (script: string): string[] => ['script', '-qec', script, '/dev/null'];

const settings: readonly (readonly [string, NodeJS.ProcessEnv, { gcc?: string[]; clang?: string[] }])[] = [
  ['TERM=dumb', { TERM: 'dumb' }, {}],
  ['no TERM', { TERM: undefined }, {}],
  ['GCC_COLORS', { TERM: 'xterm', GCC_COLORS: 'error=01;34:warning=01;36' }, {}],
  ['NO_COLOR', { TERM: 'xterm', NO_COLOR: '1' }, {}],
  ['colours by option', { TERM: 'dumb' }, { gcc: ['-fdiagnostics-color=always'], clang: ['-fcolor-diagnostics'] }],
  ['no caret lines', { TERM: 'xterm' }, { gcc: ['-fno-diagnostics-show-caret'], clang: ['-fno-caret-diagnostics'] }],
  ['no terminal on its input', { TERM: 'xterm', INPUT: '</dev/null' }, {}],
  ['COLUMNS', { TERM: 'xterm', COLUMNS: '50' }, {}],
];

for (const [title, environment, options] of settings) {
  for (const compiler of ['gcc', 'clang'] as const) {
    test.serial(`${compiler} says the same on a terminal with ${title}`, async (t) => {
      await compare(t, shared, `${compiler} ${title}`, {
        command: (launcher) => terminal(`stty cols 100; exec ${launcher} ${compiler} -Wall ${(options[compiler] ?? []).join(' ')} -c warnings.c ${environment['INPUT'] ?? ''}`),
        prepare,
        settings: environment,
        how: 'remote',
      });
    });
  }
}

test.serial('a warning and an error name files below the folder as the command spelled them', async (t) => {
  for (const compiler of ['gcc', 'clang']) {
    await compare(t, shared, `${compiler} spelled`, {
      command: [compiler, '-Wall', '-Iinclude/../include', '-c', './sub/../sub/main.c', '-o', 'sub/main.o'],
      prepare: async (directory) => {
        for (const name of ['include', 'sub']) await mkdir(join(directory, name));
        await writeFile(join(directory, 'include', 'h.h'), 'static int unused_here(void) { int x; return x; }\n');
        await writeFile(join(directory, 'sub', 'main.c'), '#include "h.h"\nint main(void) { int y; return y + missing; }\n');
      },
      how: 'remote',
      status: 1,
    });
  }
});

test.serial('a line with control characters is quoted as it is, by the compiler here', async (t) => {
  for (const [name, character] of Object.entries({ 'form feed': '\f', bell: '\u0007', 'next line': '\u0085' })) {
    await compare(t, shared, `control ${name}`, {
      command: ['gcc', '-Wall', '-c', 'main.c', '-o', 'main.o'],
      prepare: (directory) => writeFile(join(directory, 'main.c'), `void f(void) { int unused; /*${character}*/ }\n`),
      how: 'local',
    });
  }
});

test.serial('many jobs at once that warn do not mix their lines', async (t) => {
  const directory = await shared.directory('mixing');
  const names = Array.from({ length: 12 }, (_, index) => `part${index}`);
  for (const name of names) await writeFile(join(directory, `${name}.c`), Array.from({ length: 30 }, (_, line) => `int ${name}_${line}(void) { int x; return x; }\n`).join(''));
  await writeFile(join(directory, 'Makefile'), `all: ${names.map((name) => `${name}.o`).join(' ')}\n.SILENT:\n`);
  const { status, stderr } = await shared.run(['make', '-j8', 'CC=wardcc gcc', 'CFLAGS=-Wall -O1'], { cwd: directory });
  t.is(status, 0, stderr);
  const order = [...stderr.matchAll(/^(part[0-9]+)\.c:/gm)].map(([, name]) => name!);
  const changes = order.filter((name, index) => name !== order[index - 1]).length;
  t.is(changes, names.length, 'each file\'s lines stand together');
});
