import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { WardError } from '../../protocol/errors.ts';
import { bytesSource, parseElf, readElf, type ElfFile } from '../../toolchain/elf.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const parse = (bytes: Buffer): ElfFile => parseElf(bytesSource(bytes));

/** What readelf says about the same file. */
const oracle = (path: string): Pick<ElfFile, 'needed'> & { interpreter?: string; runpath?: string } => {
  const text = execFileSync('readelf', ['-W', '-l', '-d', path], { encoding: 'utf8', env: { LC_ALL: 'C', PATH: '/usr/bin' } });
  const interpreter = /Requesting program interpreter: (.+)\]/.exec(text)?.[1];
  const runpath = /\(RUNPATH\).*\[(.*)\]/.exec(text)?.[1];
  return {
    needed: [...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1] as string),
    ...(interpreter === undefined ? {} : { interpreter }),
    ...(runpath === undefined ? {} : { runpath }),
  };
};

for (const path of ['/usr/bin/gcc', '/usr/bin/as', '/usr/bin/clang', '/usr/bin/objcopy', process.execPath]) {
  test(`says of ${path.startsWith('/usr') || path.startsWith('/lib') ? path : 'node'} what readelf says`, (t) => {
    const { needed, interpreter, runpath } = readElf(path) as ElfFile;
    const expected = oracle(path);
    t.deepEqual(needed, expected.needed);
    t.is(interpreter, expected.interpreter);
    t.is(runpath, expected.runpath);
  });
}

test('reads runpath and rpath with $ORIGIN as they were written', async (t) => {
  const directory = await temporaryDirectory(t);
  writeFileSync(join(directory, 'a.c'), 'int main(void) { return 0; }');
  for (const [flag, member] of [['--enable-new-dtags', 'runpath'], ['--disable-new-dtags', 'rpath']] as const) {
    execFileSync('gcc', ['a.c', '-o', 'a', `-Wl,${flag},-rpath,$ORIGIN/../lib:/x`], { cwd: directory });
    t.is((readElf(join(directory, 'a')) as ElfFile)[member], '$ORIGIN/../lib:/x');
  }
});

test('a text is no ELF file', async (t) => {
  const path = join(await temporaryDirectory(t), 'script');
  writeFileSync(path, '#!/bin/sh\n');
  t.is(readElf(path), undefined);
  writeFileSync(path, '');
  t.is(readElf(path), undefined);
});

test('any bytes end in a result or in toolchain-unknown', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (noise, magic) => {
    const bytes = Buffer.concat([Buffer.from(magic ? '7f454c4602010100' : '', 'hex'), noise]);
    try {
      parse(bytes);
    } catch (error) {
      t.true(error instanceof WardError && error.code === 'toolchain-unknown', String(error));
    }
  }), { numRuns: 2000 });
  t.pass();
});

test('a real file with any bytes of its headers changed ends in a result or in toolchain-unknown', (t) => {
  const original = readFileSync('/usr/bin/as');
  const change = fc.record({ at: fc.nat(1023), value: fc.nat(255) });
  fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.option(fc.nat(original.length)), (changes, cut) => {
    const bytes = Buffer.from(original);
    for (const { at, value } of changes) bytes[at] = value;
    try {
      const elf = parse(cut === null ? bytes : bytes.subarray(0, cut));
      t.true(elf.needed.length < 1000);
    } catch (error) {
      t.true(error instanceof WardError && error.code === 'toolchain-unknown', String(error));
    }
  }), { numRuns: 500 });
  t.pass();
});
