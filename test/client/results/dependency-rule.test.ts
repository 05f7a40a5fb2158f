import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { mapRule } from '../../../client/results/dependency-rule.ts';

/** What gcc writes for headers of these names in a directory. */
const ruleIn = (directory: string, headers: readonly string[], options: readonly string[]): Buffer => {
  for (const name of headers) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), '');
  }
  const includes = headers.map((name) => `#include "${name}"\n`).join('');
  writeFileSync(join(directory, 'a.c'), includes);
  execFileSync('gcc', [...options, '-MF', join(directory, 'a.d'), '-c', join(directory, 'a.c'), '-o', join(directory, 'a.o')]);
  return readFileSync(join(directory, 'a.d'));
};

test('a rule of one directory becomes what gcc writes in another', async (t) => {
  // A name that gcc quotes nowhere.
  const top = mkdtempSync(join(tmpdir(), 'wardcc-rule-'));
  t.teardown(() => rmSync(top, { recursive: true }));
  const header = fc.stringMatching(/^[a-z]([a-z0-9 #$./]{0,30}[a-z])?$/).filter((name) => !/\/\/|\.\/|\/\./.test(name)).map((name) => `${name}.h`);
  const options = fc.constantFrom(['-MD'], ['-MMD'], ['-MD', '-MP'], ['-MMD', '-MT', 'one two', '-MQ', '$x'], ['-MMD', '-MP', '-MT', 'a']);
  const depth = fc.stringMatching(/^[a-z]{1,40}$/);
  let run = 0;
  t.notThrows(() => fc.assert(fc.property(fc.uniqueArray(header, { minLength: 1, maxLength: 8 }), options, depth, depth, (headers, words, a, b) => {
    run += 1;
    const [first, second] = [join(top, String(run), a), join(top, String(run), 'other', b)];
    for (const each of [first, second]) mkdirSync(each, { recursive: true });
    const mapped = mapRule(ruleIn(first, headers, words), (name) => name.replace(first, second));
    return mapped?.equals(ruleIn(second, headers, words)) === true;
  }), { numRuns: 40 }));
});

test('a rule that is laid out in another way is not mapped, nor one with a name that cannot be', (t) => {
  const same = (name: string): string => name;
  t.is(mapRule(Buffer.from('a.o: a.c  b.h\n'), same), undefined);
  t.is(mapRule(Buffer.from('a.o: a.c \\\n b.h\n'), same), undefined);
  t.is(mapRule(Buffer.from('a.o: a.c'), same), undefined);
  t.is(mapRule(Buffer.from('no rule\n'), same), undefined);
  t.is(mapRule(Buffer.from('a.o: a.c\n'), () => undefined), undefined);
  t.deepEqual(mapRule(Buffer.from('a.o: a.c\n'), same), Buffer.from('a.o: a.c\n'));
});
