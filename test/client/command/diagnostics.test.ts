import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { compileOf, place } from './fixture.ts';

const terminal = { isTerminal: true, columns: 91, inputColumns: 91 };

test('colours, links and width of the terminal become options', async t => {
  const { type } = place(t);
  const added = async (line: string, env: Record<string, string> = { TERM: 'xterm' }): Promise<readonly string[]> =>
    compileOf(await type(line, { terminal, env })).argv.slice(line.split(' ').length);
  t.deepEqual(await added('gcc -c a.c'), ['-fdiagnostics-color=always']);
  t.deepEqual(await added('gcc -c a.c', { TERM: 'xterm-256color' }), ['-fdiagnostics-color=always', '-fdiagnostics-urls=always']);
  t.deepEqual(await added('gcc -c a.c -fdiagnostics-color=auto'), ['-fdiagnostics-color=always']);
  t.deepEqual(await added('clang -c a.c'), ['-fcolor-diagnostics']);
  t.deepEqual(await added('clang -c a.c', { TERM: 'xterm', COLUMNS: '91' }), ['-fcolor-diagnostics', '-fmessage-length=91']);
  t.deepEqual(await added('clang -c a.c', { TERM: 'dumb', COLUMNS: '40' }), ['-fmessage-length=40']);
  t.deepEqual(await added('gcc -c a.c', { TERM: 'dumb' }), []);
  t.deepEqual(await added('gcc -c a.c', {}), []);
  t.deepEqual(await added('gcc -c a.c -fno-diagnostics-color'), []);
  t.deepEqual(await added('clang -c a.c -fdiagnostics-color=never -fmessage-length=0'), []);
  t.deepEqual(await added('clang -c a.c -frecord-command-line'), []);
});

test('gcc is told the width of its terminal by COLUMNS, which travels for no other reason', async t => {
  const { type } = place(t);
  const width = async (line: string, columns: string | undefined, here: Partial<typeof terminal> = {}): Promise<string | undefined> =>
    compileOf(await type(line, { terminal: { ...terminal, ...here }, env: columns === undefined ? {} : { COLUMNS: columns } })).env['COLUMNS'];
  t.is(await width('gcc -c a.c', undefined), '91');
  t.is(await width('gcc -c a.c', '50'), '50');
  t.is(await width('gcc -c a.c', 'wide'), '91');
  t.is(await width('gcc -c a.c', undefined, { inputColumns: 0 }), undefined);
  t.is(await width('gcc -c a.c', '50', { isTerminal: false }), undefined);
  t.is(await width('clang -c a.c', '50'), undefined);
});

test('without a terminal nothing is added', async t => {
  const { type } = place(t);
  const command = await type('gcc -c a.c', { terminal: { isTerminal: false, columns: 0, inputColumns: 0 }, env: { TERM: 'xterm' } });
  t.deepEqual(compileOf(command).argv, ['/usr/bin/gcc', '-c', 'a.c']);
});

/** What a shell command writes to a terminal of 91 columns. */
const onTerminal = (command: string, cwd: string, env: Record<string, string>): string =>
  run('script', ['-qec', `stty cols 91 rows 25; ${command}`, '/dev/null'], cwd, env).replaceAll('\r', '');

const run = (program: string, words: readonly string[], cwd: string, env: Record<string, string>): string =>
  execFileSync(program, [...words], { cwd, env: { PATH: '/usr/bin:/bin', ...env }, encoding: 'utf8', input: '' });

test('with the added options a compiler writes into a pipe what it writes to a terminal', async t => {
  const { type, directory } = place(t);
  const long = `int g(void) { return ${'1 + '.repeat(60)} "text"; }`;
  writeFileSync(join(directory, 'a.c'), 'int f(void) { int unused; return "x"; }\n');
  writeFileSync(join(directory, 'long.c'), `${long}\n`);
  const every = ['xterm', 'xterm-256color', 'linux', 'vt100', 'dumb'];
  for (const [line, terms] of [
    ['gcc -Wall -c a.c', every], ['clang -Wall -c a.c', every], ['clang -c long.c', ['xterm', 'dumb']],
    ['gcc -Wall -fdiagnostics-color=auto -c a.c', ['xterm']], ['clang -Wall -fno-color-diagnostics -c a.c', ['xterm']],
  ] as const) {
    for (const TERM of terms) {
      const env = { TERM, LC_ALL: 'C', ...(line.includes('long') ? { COLUMNS: '91' } : {}) };
      const { argv } = compileOf(await type(line, { terminal, env }));
      const piped = run('sh', ['-c', '"$@" 2>&1; true', 'sh', ...argv], directory, { LC_ALL: 'C' });
      t.is(piped, onTerminal(`${line}; true`, directory, env), `${line} ${TERM}`);
    }
  }
});
