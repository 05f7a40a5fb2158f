import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { expandNative } from '../../../client/command/native.ts';
import { compileOf, place } from './fixture.ts';

test('-march=native is spelled out, and the object stays the same', async t => {
  const { type, directory } = place(t);
  writeFileSync(join(directory, 'a.c'),
    'double f(double *a, int n) { double s = 0; for (int i = 0; i < n; i++) s += a[i] * 3.5; return s; }\n');
  for (const words of ['-O3 -march=native', '-O3 -ffast-math -mtune=native', '-O2 -march=native -mtune=generic',
    '-Ofast -march=native -mno-avx2 -mfpmath=sse']) {
    const { argv } = compileOf(await type(`gcc ${words} -c a.c`));
    t.false(argv.some(argument => argument.endsWith('=native')), argv.join(' '));
    execFileSync('gcc', [...words.split(' '), '-c', 'a.c', '-o', 'short.o'], { cwd: directory });
    execFileSync('gcc', [...argv.slice(1), '-o', 'long.o'], { cwd: directory });
    t.deepEqual(readFileSync(join(directory, 'long.o')), readFileSync(join(directory, 'short.o')), words);
  }
});

test('what a compiler means is asked again when another one has come into its place', async t => {
  const { directory } = place(t);
  const compiler = join(directory, 'gcc');
  const lay = (architecture: string): void => {
    writeFileSync(compiler, `#!/bin/sh\necho ' /x/cc1 -E -quiet /dev/null -march=${architecture}' >&2\n`);
    chmodSync(compiler, 0o755);
  };
  for (const architecture of ['westmere', 'znver4']) {
    lay(architecture);
    t.deepEqual(await expandNative([compiler, '-march=native', '-c', 'a.c'], 'gcc'), [compiler, `-march=${architecture}`, '-c', 'a.c']);
  }
});
