import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
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
