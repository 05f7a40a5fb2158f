import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { accessOf, parseAuthz, type Authz } from '../../../policy/committers/subversion/authz.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { mapSome, runOracle } from './run-oracle.ts';

const files = 400;
const questionsEach = 3;

const users = ['alice', 'bob', 'carol', 'Dora'];
const groups = ['g1', 'g2', 'empty'];
const segments = ['a', 'b', 'ab', 'abc', '*', '**', 'a*', '*b', '?', 'a?c', '*b*', '\\*'];
const literals = ['a', 'b', 'ab', 'abc'];

const user = fc.constantFrom(...users);
const name = fc.oneof(
  { weight: 4, arbitrary: user },
  { weight: 3, arbitrary: fc.constantFrom(...groups.map((group) => `@${group}`), '@sub') },
  { weight: 1, arbitrary: fc.constantFrom('&al', '&bo') },
  { weight: 1, arbitrary: fc.constantFrom('*', '$authenticated', '$anonymous') },
);
const entry = fc.tuple(
  fc.oneof({ weight: 4, arbitrary: name }, { weight: 1, arbitrary: name.filter((text) => text !== '*').map((text) => `~${text}`) }),
  fc.constantFrom('=', ' = ', ' : '), fc.constantFrom('', 'r', 'rw', 'r w', 'wr', 'rw', 'w', 'x'),
).map(([who, sign, rights]) => `${who}${sign}${rights === 'w' || rights === 'x' ? (who.length % 7 === 0 ? rights : 'rw') : rights}`);
const path = (parts: readonly string[]): fc.Arbitrary<string> => fc.array(fc.constantFrom(...parts), { maxLength: 3 }).map((names) => `/${names.join('/')}`);
const header = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('', 'repo:', 'other:'), path(literals)).map((parts) => parts.join('')) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(':glob:', ':glob:repo:'), path(segments)).map((parts) => parts.join('')) },
);
const section = fc.tuple(header, fc.array(entry, { minLength: 1, maxLength: 4 })).map(([place, lines]) => `[${place}]\n${lines.join('\n')}\n`);
const groupSection = fc.tuple(fc.subarray([...users, '&al'], { minLength: 0 }), fc.subarray([...users, '@g1', '@empty'])).map(([one, two]) =>
  `[aliases]\nal = alice\nbo = bob\n[groups]\ng1 = ${one.join(', ')}\ng2 = ${two.join(',')}\nempty =\nsub = @g2, @g1,Dora\n`);
const authzFile = fc.tuple(groupSection, fc.array(section, { minLength: 1, maxLength: 6 })).map(([first, rest]) => [first, ...rest].join(''));
const question = fc.record({ user: fc.option(fc.constantFrom(...users, 'eve'), { nil: undefined, freq: 8 }), repository: fc.constantFrom('repo', 'third'), path: path([...literals, '*']) });
const sample = fc.tuple(authzFile, fc.array(question, { minLength: questionsEach, maxLength: questionsEach }));

test('every answer about a random access file is that of svnauthz', async (t) => {
  const directory = await temporaryDirectory(t);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const samples = fc.sample(sample, { numRuns: files, seed });
  const counts = { no: 0, r: 0, rw: 0, refused: 0 };
  await mapSome(samples, 3, async ([text, questions], index) => {
    const file = join(directory, `authz${index}`);
    writeFileSync(file, text);
    let authz: Authz | undefined;
    let refusal = '';
    try {
      authz = parseAuthz(text, file);
    } catch (error) {
      refusal = (error as Error).message;
    }
    for (const { user: who, repository, path: where } of questions) {
      const login = who === undefined ? [] : ['--username', who];
      const { status, stdout, stderr } = await runOracle('svnauthz', ['accessof', file, ...login, '--repository', repository, '--path', where]);
      const context = `seed ${seed}, ${who ?? 'anonymous'} at ${repository}:${where} in\n${text}\n${refusal}${stderr}`;
      const theirs = status === 0 ? stdout.trim() : 'refused';
      const ours = authz === undefined ? 'refused' : accessOf(authz, { user: who, repository, path: where });
      t.is(ours, theirs as typeof ours, context);
      counts[ours] += 1;
      if (authz === undefined) break;
    }
  });
  t.log(`seed ${seed}: ${JSON.stringify(counts)}`);
  t.true(Math.min(...Object.values(counts)) > 8);
});

test('white space that is none of ASCII is part of a name, as svnauthz says', async (t) => {
  const file = join(await temporaryDirectory(t), 'authz');
  for (const space of ['\u00A0', '\u2028', '\u3000', '\uFEFF', '\u0085', '\v', '\f', '\r']) {
    for (const text of [`[/]\nalice${space} = rw\n`, `[groups]\ng = bob,${space}alice${space}\n[/]\n@g = rw\n`, `[/]\nalice = rw${space}\n`, `[/]\n* = rw\n[/a]\nalice${space} =\n`]) {
      writeFileSync(file, text);
      const { status, stdout } = await runOracle('svnauthz', ['accessof', file, '--username', 'alice', '--path', '/a']);
      let ours = 'refused';
      try {
        ours = accessOf(parseAuthz(text, file), { user: 'alice', path: '/a' });
      } catch {
        // refused
      }
      t.is(ours, status === 0 ? stdout.trim() : 'refused', JSON.stringify(text));
    }
  }
});
