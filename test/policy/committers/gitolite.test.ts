import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { gitoliteReader } from '../../../policy/committers/gitolite/reader.ts';
import { compilePattern } from '../../../policy/committers/gitolite/pattern.ts';
import { WardError } from '../../../protocol/errors.ts';
import { cpuMs } from '../../fixtures/cpu-time.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { cleanLine } from '../../../policy/committers/gitolite/lines.ts';
import fc from 'fast-check';

const refused: [text: string, line: number, message: RegExp][] = [
  ['repo a\nRW alice\n', 2, /no line of gitolite\.conf/],
  ['repo a\nRWX = alice\n', 2, /no line of gitolite\.conf/],
  ['repo a\n@g =\n', 2, /no line of gitolite\.conf/],
  ['@a = @b\n', 1, /group "@b" is not defined above/],
  ['@a! = b\n', 1, /"@a!" is no name of a group/],
  ['repo a\nRW = al:ice\n', 2, /"al:ice" is no user/],
  ['repo (a)\n', 1, /"\(a\)" is no repository/],
  ['repo a\nRW @refs = alice\n', 2, /group "@refs" is not defined above/],
  ['repo a\nRW x:y = alice\n', 2, /"refs\/heads\/x:y" is no branch or ref/],
  ['repo a\nRW a++ = alice\n', 2, /regular expression \^refs\/heads\/a\+\+ cannot be used: a quantifier follows a quantifier/],
  ['repo a\nRW a(b = alice\n', 2, /cannot be used: it ends too early/],
  ['repo a[\n', 1, /regular expression \^a\[\$ cannot be used/],
  ['repo a\n- = WRITERS\nRW = @all\n', 2, /"@WRITERS" is a role, which gitolite keeps outside of this file/],
  ['repo a\n- = @ldap\nRW = @all\n', 2, /"@ldap" is not defined in this file, so it cannot be known whom this rule denies/],
  ['subconf "x.conf"\n', 1, /delegation by subconf is not supported/],
  ['include x.conf\n', 1, /stands in quotes/],
  ['include "x"\n', 1, /does not end in \.conf/],
  ['include "{a,b}.conf"\n', 1, /signs that are not accepted/],
  ['include "%HOSTNAME.conf"\n', 1, /known to the git server only/],
];

test('what is wrong with a gitolite.conf is said with its line', async (t) => {
  const file = join(await temporaryDirectory(t), 'gitolite.conf');
  for (const [text, line, message] of refused) {
    writeFileSync(file, text);
    const error = await t.throwsAsync(() => gitoliteReader({ file, repository: 'a' }).read(), { instanceOf: WardError, message }, text);
    t.is(error?.code, 'config-invalid', text);
    t.is(error?.at, `${file}:${line}:1`, text);
  }
  writeFileSync(file, 'include "gone.conf"\n');
  await t.throwsAsync(() => gitoliteReader({ file, repository: 'a' }).read(), { instanceOf: WardError, message: /gone\.conf/ });
  writeFileSync(file, 'repo b\n- = WRITERS\nrepo a\nRW = alice\n');
  t.deepEqual((await gitoliteReader({ file, repository: 'a' }).read()).names, ['alice']);
});

test('the source knows who may push to its branch, through includes and groups', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'gitolite.conf');
  const people = join(directory, 'people');
  mkdirSync(people);
  writeFileSync(file, 'include "people/*.conf"\nrepo paint\n  RW+ = @dev  # everywhere\n  - master = bob\n  RW = bob CREATOR\n  R = @all\n');
  writeFileSync(join(people, 'dev.conf'), '@dev = alice\n@dev = ann\n');
  const reader = gitoliteReader({ file, repository: 'paint', ref: 'master' });
  const membership = await reader.read();
  t.deepEqual(membership.names, ['alice', 'ann']);
  t.deepEqual(reader.files, [file, join(people, 'dev.conf'), people]);
  t.false(membership.has('bob'));
  t.deepEqual((await gitoliteReader({ file, repository: 'paint' }).read()).names, ['alice', 'ann', 'bob']);
  t.deepEqual((await gitoliteReader({ file, repository: 'other' }).read()).names, []);
  writeFileSync(join(people, 'more.conf'), '@dev = zoe\n');
  const later = await reader.read();
  t.deepEqual(later.names, ['alice', 'ann', 'zoe']);
  t.not(later.revision, membership.revision);
  t.true(reader.files.includes(join(people, 'more.conf')));
});

test('a line ends where gitolite says that it ends, and nothing of it is overlooked', async (t) => {
  const file = join(await temporaryDirectory(t), 'gitolite.conf');
  for (const line of ['  RW = alice\u2028eve', '  RW = alice\u2029', '@g = alice\u2028eve', 'repo b\u2028c']) {
    writeFileSync(file, `repo a\n${line}\n`);
    await t.throwsAsync(gitoliteReader({ file, repository: 'a' }).read(), { code: 'config-invalid', message: /gitolite\.conf:2:1: / }, line);
  }
});

test('a name that is a group, or no name, may not push', async (t) => {
  const file = join(await temporaryDirectory(t), 'gitolite.conf');
  writeFileSync(file, '@dev = alice\nrepo a\n  RW = @dev\n');
  const membership = await gitoliteReader({ file, repository: 'a' }).read();
  for (const name of ['@dev', '@all', '', 'alice bob', 'al\nice', '-alice']) t.false(membership.has(name), name);
});

test('a repository that everybody may push to cannot say who the committers are', async (t) => {
  const file = join(await temporaryDirectory(t), 'gitolite.conf');
  writeFileSync(file, 'repo a\n  - = eve\n  RW = @all\noption deny-rules = 1\n');
  const membership = await gitoliteReader({ file, repository: 'a' }).read();
  t.is(membership.names, undefined);
  t.true(membership.has('zoe'));
  t.false(membership.has('eve'));
});

test('a user name cannot turn a rule into another one', async (t) => {
  const file = join(await temporaryDirectory(t), 'gitolite.conf');
  writeFileSync(file, 'repo a\n  - dev/USER/x = @all\n  RW = @all\n');
  const membership = await gitoliteReader({ file, repository: 'a', ref: 'dev/a.b/x' }).read();
  t.false(membership.has('a.b'));
  t.false(membership.has('a++'));
  t.true(membership.has('bob'));
});

test('regular expressions that Perl might read otherwise are refused', (t) => {
  for (const source of ['(?i)a', 'a++', 'a{2}{3}', '\\bx', '\\1', '\\Qa', 'a{1001}', 'a{3,2}', '[]a]', '[[a]', '[b-a]', '[\\d-z]', '*a', '(+)', 'a)', '(a', 'a\\', '^*', '((a{1000}){1000})']) {
    t.throws(() => compilePattern(source), { instanceOf: SyntaxError }, source);
  }
});

test('a comment begins where gitolite says that it begins, and finding it takes no time', (t) => {
  const gitolites = (line: string): string => line.replace(/^((?:".*?"|[^#"])*)#.*/, '$1').replace('=', ' = ').replaceAll(/[ \t\n\r\f\v]+/g, ' ').replace(/^ /, '').replace(/ $/, '');
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('"', '#', 'a', ' ', '='), maxLength: 16 }), (line) => cleanLine(line) === gitolites(line)), { numRuns: 3000 });
  const begun = cpuMs();
  t.is(cleanLine(`@g = ${'" a b'.repeat(20_000)}`).length, 5 + 5 * 20_000);
  t.true(cpuMs() - begun < 5000);
});
