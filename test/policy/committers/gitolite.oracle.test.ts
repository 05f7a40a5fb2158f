import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { mayWrite, parseConf, rulesFor } from '../../../policy/committers/gitolite/conf.ts';
import { compilePattern } from '../../../policy/committers/gitolite/pattern.ts';
import { readLines } from '../../../policy/committers/gitolite/lines.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { runOracle } from './run-oracle.ts';

const repositories = Array.from({ length: 40 }, (_, index) => `${['lib', 'app', 'doc/x', 'r.1'][index % 4] ?? ''}${index}`);
const users = ['alice', 'bob', 'carol', 'dave.x', 'a+b', 'eve'];
const refs = ['any', 'refs/heads/master', 'refs/heads/master2', 'refs/heads/dev/alice/x', 'refs/heads/release-1.2', 'refs/tags/v1.0', 'refs/heads/ab'];

const pick = (...values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
const someUsers = fc.uniqueArray(fc.oneof({ weight: 4, arbitrary: pick(...users) }, { weight: 2, arbitrary: pick('@g1', '@g2', '@late', '@all') }, { weight: 1, arbitrary: pick('@nobody', 'CREATOR', 'WRITERS') }), { minLength: 1, maxLength: 3 });
const definiteUsers = fc.uniqueArray(pick(...users, '@g1', '@g2', '@late', '@all'), { minLength: 1, maxLength: 2 });
const someRefs = fc.uniqueArray(pick(
  'master', 'master$', 'dev/USER/', 'refs/tags/v[0-9]', 'release-\\d+\\.\\d$', '@branches', 'refs/heads/.*', 'NAME/doc', 'VREF/COUNT/9', 'a|b', '(dev|master)', 'm.*2', '[^m]', 'refs/',
), { maxLength: 2 });
const line = (prefix: string, [permission, names, people]: readonly [string, readonly string[], readonly string[]], sign: string): string =>
  `${prefix}${permission}${names.length > 0 ? ` ${names.join(' ')}` : ''}${sign}${people.join('  ')}`;
const rule = fc.tuple(pick('RW', 'RW+', 'R', 'RWC', 'RW+CD', 'RWDM', 'C', 'RW+M'), someRefs, someUsers).map((parts) => line('    ', parts, ' = '));
const denial = fc.tuple(pick('-'), someRefs, definiteUsers).map((parts) => line('\t', parts, '\t=\t'));
const option = pick('option deny-rules = 1', 'option deny-rules = 0', 'config gitolite-options.deny-rules = "1"', 'desc = "some text" # one', 'config gitweb.owner = x', 'option CREATE_IS_C=1');
const target = fc.uniqueArray(fc.oneof(
  { weight: 6, arbitrary: pick(...repositories) },
  { weight: 3, arbitrary: pick('@repos', '@all', '@mixed', 'lib[0-9]+', '[ad](pp|oc/x).*', 'lib1?2', 'r.1.*', 'doc/.*1', 'lib0|app1', '@undefined') },
), { minLength: 1, maxLength: 4 });
const block = fc.tuple(target, fc.array(fc.oneof({ weight: 5, arbitrary: rule }, { weight: 2, arbitrary: denial }, { weight: 1, arbitrary: option }), { maxLength: 5 }))
  .map(([names, lines]) => `repo ${names.join(' ')} # who\n${lines.join('\n')}\n\n`);
const head = fc.tuple(fc.subarray(users, { minLength: 1 }), fc.subarray(users), fc.subarray(repositories, { minLength: 1, maxLength: 6 })).map(([one, two, three]) => `# a comment
@g1 = ${one.join(' ')}
@g2=@g1 ${two.join(' ')}
@branches = master dev
@branches = refs/tags/v1
@repos   =   ${three.join(' ')}
@mixed = lib.*[02468] app5 @repos
@late = eve
`);
const conf = fc.tuple(head, fc.array(block, { minLength: 25, maxLength: 40 })).map(([first, rest]) => `${first}repo ${repositories.join(' ')}\nR = nobody\n${rest.join('')}@late = bob\n`);

test('every answer about a random gitolite.conf is that of gitolite access', async (t) => {
  // gitolite itself cannot live in a directory with a space in its name.
  const home = await mkdtemp(join(tmpdir(), 'wardcc-gitolite-'));
  t.teardown(() => rm(home, { recursive: true, force: true }));
  const env = { PATH: process.env['PATH'], HOME: home, GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'x', GIT_AUTHOR_EMAIL: 'x@test', GIT_COMMITTER_NAME: 'x', GIT_COMMITTER_EMAIL: 'x@test' };
  const setup = await runOracle('gitolite', ['setup', '-a', 'admin'], { env });
  t.is(setup.status, 0, setup.stderr);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const file = join(home, '.gitolite', 'conf', 'gitolite.conf');
  writeFileSync(join(home, '.gitolite.rc'), `%RC = (ROLES => { READERS => 1, WRITERS => 1 }, GIT_CONFIG_KEYS => '.*', ENABLE => []);\n1;\n`);
  const pairs = repositories.flatMap((repository) => users.map((user) => ({ repository, user })));
  const input = pairs.map(({ repository, user }) => `${repository} ${user}\n`).join('');
  const counts = { yes: 0, no: 0 };
  for (const text of fc.sample(conf, { numRuns: 4, seed })) {
    writeFileSync(file, text);
    const compiled = await runOracle('gitolite', ['compile'], { env });
    t.is(compiled.status, 0, compiled.stderr + text);
    const parsed = parseConf((await readLines(file)).lines);
    const rules = new Map(repositories.map((repository) => [repository, rulesFor(parsed, repository)]));
    for (const ref of refs) {
      const { stdout, stderr } = await runOracle('gitolite', ['access', '%', '%', 'W', ref], { env, input });
      const theirs = stdout.split('\n').filter((row) => row !== '').map((row) => !row.split('\t')[2]?.includes('DENIED'));
      t.is(theirs.length, pairs.length, stderr);
      for (const [index, { repository, user }] of pairs.entries()) {
        const of = rules.get(repository);
        const ours = of !== undefined && mayWrite(of, user, ref);
        if (ours !== theirs[index]) t.fail(`seed ${seed}: ${user} to ${ref} of ${repository}: ours ${ours}, gitolite ${theirs[index]}\n${text}`);
        counts[ours ? 'yes' : 'no'] += 1;
      }
    }
  }
  t.log(`seed ${seed}: ${JSON.stringify(counts)}`);
  t.true(Math.min(counts.yes, counts.no) > 500);
});

const atoms = ['a', 'b', '1', '.', '\\d', '\\w', '\\S', '[ab]', '[^a]', '[a-c1-3]', '\\.', '[\\d-]', '^', '$', '/', '-', '@'];
const simple = fc.tuple(pick(...atoms), pick('', '', '', '*', '+', '?', '{2}', '{0,2}', '{1,}', '*?', '+?')).map(([atom, count]) => atom === '^' || atom === '$' ? atom : atom + count);
const regex = fc.letrec<{ top: string; sequence: string; item: string }>((tie) => ({
  item: fc.oneof({ weight: 5, arbitrary: simple }, { weight: 1, arbitrary: fc.tuple(tie('top'), pick('', '*', '?', '+')).map(([inner, count]) => `(${inner})${count}`) }),
  sequence: fc.array(tie('item'), { maxLength: 4 }).map((items) => items.join('')),
  top: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((branches) => branches.join('|')),
})).top;

test('every regular expression that is accepted matches what it matches in Perl', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const texts = fc.array(pick('a', 'b', 'c', '1', '2', '.', '/', '-', '@', 'x'), { maxLength: 7 }).map((parts) => parts.join(''));
  const samples = fc.sample(fc.tuple(regex, texts), { numRuns: 20_000, seed }).filter(([pattern]) => {
    try {
      compilePattern(pattern);
      return true;
    } catch {
      return false;
    }
  });
  const program = 'while (<STDIN>) { chomp; my ($p, $t) = split /\\t/, $_, 2; print(($t =~ /$p/) ? "1" : "0") }';
  // An empty pattern means the last one in Perl.
  const input = samples.map(([pattern, text]) => `${pattern === '' ? '(^|a)' : pattern}\t${text}\n`).join('');
  const { stdout, stderr } = await runOracle('perl', ['-e', program], { input });
  t.is(stdout.length, samples.length, stderr);
  let matches = 0;
  for (const [index, [pattern, text]] of samples.entries()) {
    const ours = compilePattern(pattern).test(text);
    matches += ours ? 1 : 0;
    if (ours !== (stdout[index] === '1')) t.fail(`seed ${seed}: ${JSON.stringify(text)} =~ /${pattern}/: ours ${ours}`);
  }
  t.log(`seed ${seed}: ${samples.length} patterns, ${matches} matches`);
  t.true(samples.length > 10_000 && matches > 1000);
});

test('a regular expression that would keep Perl busy for years is answered at once', (t) => {
  t.false(compilePattern('^(a*)*(a|a)*b$').test('a'.repeat(3000)));
});

test('included files count once, in their place, in the order of their names', async (t) => {
  const directory = await temporaryDirectory(t);
  mkdirSync(join(directory, 'more'));
  writeFileSync(join(directory, 'gitolite.conf'), 'include "more/*.conf"\ninclude \'more/a.conf\'\nrepo z\n');
  writeFileSync(join(directory, 'more', 'b.conf'), 'repo b\n');
  writeFileSync(join(directory, 'more', 'a.conf'), 'repo a\n= begin testconf\nrepo no\n=end\n');
  writeFileSync(join(directory, 'more', 'c.txt'), 'repo c\n');
  const { lines, files } = await readLines(join(directory, 'gitolite.conf'));
  t.deepEqual(lines.map(({ text }) => text), ['repo a', 'repo b', 'repo z']);
  t.deepEqual(files.map((file) => file.slice(directory.length + 1)), ['gitolite.conf', 'more/a.conf', 'more/b.conf']);
});
