import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { expandResponseFiles, splitResponse } from '../../../client/command/response-file.ts';
import { compileOf, place } from './fixture.ts';

test('words are split at white space, quotes and backslashes', t => {
  t.deepEqual(splitResponse('-a  -b\n\t-c'), ['-a', '-b', '-c']);
  t.deepEqual(splitResponse('"a b" \'c d\' e\\ f "g\\"h" x""y'), ['a b', 'c d', 'e f', 'g"h', 'xy']);
  t.deepEqual(splitResponse(''), []);
  t.deepEqual(splitResponse('-a\u00a0b -c\u2003d'), ['-a\u00a0b', '-c\u2003d']);
});

test('what compilers read differently is not split', t => {
  for (const content of ['\'i\\j\'', '""', '-a ""', 'a\\', '"open', '\'open', '\ufeff-a', '-a\f-b', '-a\v-b']) t.is(splitResponse(content), undefined, content);
});

/** What a compiler makes of a response file: the macros that it defines. */
const macrosOf = (compiler: string, content: string): string[] => {
  const directory = mkdtempSync(join(tmpdir(), 'wardcc-response-'));
  try {
    writeFileSync(join(directory, 'r'), content);
    const output = execFileSync(compiler, ['-w', '-E', '-dM', '-undef', '-x', 'c', '/dev/null', `@${join(directory, 'r')}`],
      { encoding: 'utf8' });
    return output.split('\n').filter(line => line.startsWith('#define M_')).sort();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

for (const compiler of ['gcc', 'clang']) {
  test(`${compiler} splits a response file into the same words`, t => {
    const quoted = fc.tuple(fc.constantFrom('', '"', '\''), fc.stringMatching(/^[A-Za-z0-9 $%ü\u00a0\u2028;+-]{1,6}$/))
      .map(([quote, word]) => (quote === '' ? word.replaceAll(' ', '\\ ') : quote + word + quote));
    const words = fc.array(fc.array(quoted, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(words, list => {
      const content = list.map((parts, index) => `-DM_${index}=${parts.join('')}`).join('\n');
      const ours = (splitResponse(content) ?? []).map(word => `#define ${word.slice(2).replace('=', ' ')}`.trimEnd()).sort();
      t.deepEqual(macrosOf(compiler, content).map(plain), ours.map(plain));
    }), { numRuns: 15 });
  });
}

/** Preprocessors print one space where there were more. */
const plain = (line: string): string => line.replace(/\s+/g, '').replaceAll('\\', '');

test('files within files are expanded, and a file that contains itself is refused', t => {
  const { directory } = place(t);
  writeFileSync(join(directory, 'one'), '-DA @two -DB');
  writeFileSync(join(directory, 'two'), '-DC');
  writeFileSync(join(directory, 'loop'), '@loop');
  t.deepEqual(expandResponseFiles(['gcc', '@one', '-c'], directory), { argv: ['gcc', '-DA', '-DC', '-DB', '-c'] });
  t.deepEqual(expandResponseFiles(['gcc', '@loop'], directory), { unreadable: '@loop' });
  t.deepEqual(expandResponseFiles(['gcc', '@missing'], directory), { unreadable: '@missing' });
  writeFileSync(join(directory, 'binary'), Buffer.from([0x2d, 0x44, 0xff]));
  t.deepEqual(expandResponseFiles(['gcc', '@binary'], directory), { unreadable: '@binary' });
});

test('a command in a response file travels expanded', async t => {
  const { type, directory } = place(t);
  writeFileSync(join(directory, 'r'), '-c -DX="a b" -o out/a.o');
  const command = compileOf(await type('gcc @r a.c'));
  t.deepEqual(command.argv, ['/usr/bin/gcc', '-c', '-DX=a b', '-o', 'out/a.o', 'a.c']);
});
