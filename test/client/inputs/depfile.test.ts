import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { parseDepfile } from '../../../client/inputs/depfile.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('the prerequisites of a rule are its words', (t) => {
  t.deepEqual(parseDepfile('x: a.c b.h \\\n c/d.h\n'), ['a.c', 'b.h', 'c/d.h']);
  t.deepEqual(parseDepfile('x:\n'), []);
  t.deepEqual(parseDepfile('x: a.c\\\r\n b.h\r\n'), ['a.c', 'b.h']);
  t.deepEqual(parseDepfile('x: a.c\nb.h:\n'), ['a.c']);
});

test('a quoted blank, number sign or dollar belongs to the name', (t) => {
  t.deepEqual(parseDepfile(String.raw`x: a\ b.h c\#d.h e$$f.h g\h.h i\\\ j.h`), ['a b.h', 'c#d.h', 'e$f.h', String.raw`g\h.h`,
    String.raw`i\ j.h`]);
});

test('text without a rule, and a rule that is too long, are refused', (t) => {
  t.is(parseDepfile(''), undefined);
  t.is(parseDepfile('no rule'), undefined);
  t.is(parseDepfile(`x: ${'a '.repeat(100_002)}`), undefined);
});

test('any text ends in words or in undefined', (t) => {
  fc.assert(fc.property(fc.string(), (noise) => {
    const names = parseDepfile(`x: ${noise}`);
    t.true(names === undefined || names.every((name) => name !== ''));
  }));
  t.pass();
});

for (const compiler of ['gcc', 'clang']) {
  test(`reads back every name that ${compiler} quotes`, async (t) => {
    const root = await temporaryDirectory(t);
    // clang writes a backslash as a slash; such a file then stays local.
    const character = fc.constantFrom('a', 'b', ' ', '#', '$', compiler === 'gcc' ? '\\' : '+', ':', '%', '=', '\'', 'é', '-', '*', '(',
      '~', '&');
    const component = fc.string({ unit: character, minLength: 1, maxLength: 6 }).map((name) => `n${name}.h`);
    fc.assert(fc.property(fc.uniqueArray(component, { minLength: 1, maxLength: 5 }), (names) => {
      const directory = mkdtempSync(join(root, 'd'));
      for (const name of names) {
        mkdirSync(dirname(join(directory, name)), { recursive: true });
        writeFileSync(join(directory, name), '');
      }
      writeFileSync(join(directory, 'a.c'), names.map((name) => `#include "${name}"\n`).join(''));
      const rule = execFileSync(compiler, ['-M', '-MT', 'x', '-nostdinc', 'a.c'], { cwd: directory, encoding: 'utf8',
        env: { PATH: '/usr/bin' } });
      t.deepEqual(parseDepfile(rule), ['a.c', ...names]);
    }), { numRuns: 40 });
    t.pass();
  });
}
