/**
 * Who can write an access file is no administrator of the server that reads it. The server reads it between two answers to everybody else.
 */
import test from 'ava';
import { gitoliteReader } from '../../../policy/committers/gitolite/reader.ts';
import { cleanLine } from '../../../policy/committers/gitolite/lines.ts';
import { subversionReader } from '../../../policy/committers/subversion/reader.ts';
import { cpuMs } from '../../fixtures/cpu-time.ts';

const size = 400_000;
const patience = 10_000;

/** `make(0)make(1)…`, as long as a text may be here. */
const many = (make: (index: number) => string, between = '\n'): string => {
  const length = make(10_000).length + between.length;
  return Array.from({ length: Math.floor(size / length) }, (_, index) => make(index)).join(between);
};

type Case = readonly [what: string, text: string, place?: string];

const subversion: readonly Case[] = [
  ['a value that is continued again and again', `[/]\na = r\n${many(() => ' r')}`],
  ['a section with very many users', `[/]\n${many((index) => `u${index} = rw`)}`],
  ['very many sections', many((index) => `[/a${index}]\nu${index} = rw`)],
  ['a rule with wildcards for any number of directories', `[:glob:/${'**/a/'.repeat(20)}b]\na = rw\n`, `/${'a/'.repeat(40)}c`],
  ['a group that is the same group many times', `[groups]\na = ${many((index) => `u${index}`, ',').slice(size / 2)}\nb = ${many(() => '@a', ',')}\n[/]\n@b = rw\n`],
];

const gitolite: readonly Case[] = [
  ['options with nothing but equals signs', `repo r\noption a${many(() => ' =', '')}\u2028`],
  ['very many rules', `repo r\n${many((index) => `RW = u${index}`)}`],
  ['a rule for very many users', `repo r\nRW = ${many((index) => `u${index}`, ' ')}`],
  ['a rule for many users and many branches', `repo r\nRW ${many((index) => `b${index}`, ' ').slice(0, 90_000)} = ${many((index) => `u${index}`, ' ')}`],
  ['a group that is the same group many times', `@a = ${many((index) => `u${index}`, ' ').slice(size / 2)}\n@b = ${many(() => '@a', ' ')}\nrepo r\nRW = @b\n`],
  ['large patterns and many users', `@g = ${many((index) => `u${index}`, ' ')}\nrepo r\n${'RW (a?){900}x = @g\n'.repeat(20)}`, 'a'.repeat(100)],
];

for (const [what, text, path = '/'] of subversion) {
  test.serial(`a Subversion access file is read in no time: ${what}`, async (t) => {
    const started = cpuMs();
    const people = await subversionReader({ file: 'authz', path }, async () => Buffer.from(text)).read().catch(() => undefined);
    people?.has('u1');
    t.true(cpuMs() - started < patience);
  });
}

for (const [what, text, ref = 'any'] of gitolite) {
  test.serial(`gitolite.conf is read in no time: ${what}`, async (t) => {
    const started = cpuMs();
    const people = await gitoliteReader({ file: 'gitolite.conf', repository: 'r', ref }, async () => Buffer.from(text)).read().catch(() => undefined);
    people?.has('u1');
    t.true(cpuMs() - started < patience);
  });
}

test.serial('a comment of gitolite.conf is found in no time among any number of quotes', (t) => {
  const started = cpuMs();
  t.is(cleanLine(`${'"'.repeat(2 * size)}#`), '"'.repeat(2 * size));
  t.is(cleanLine('"'.repeat(2 * size)), '"'.repeat(2 * size));
  t.true(cpuMs() - started < patience);
});

test('what a file may stand for is bounded, and said with its place', async (t) => {
  const growing = many((index) => `@g${index} = u${index} ${index > 0 ? `@g${index - 1}` : ''}`);
  const deep = many((index) => `g${index} = @g${index + 1}`);
  const cases: readonly [Promise<unknown>, string][] = [
    [gitoliteReader({ file: 'f', repository: 'r' }, async () => Buffer.from(growing)).read(), 'f:1415:1: groups stand for more than 1000000 names in this file'],
    [
      gitoliteReader({ file: 'f', repository: 'r' }, async () => Buffer.from(many((index) => `repo r\nRW (a?){900}${index} = u`))).read(),
      'f:222:1: the regular expression ^refs/heads/(a?){900}110 cannot be used: the regular expressions of this file are too large together',
    ],
    [
      subversionReader({ file: 'f' }, async () => Buffer.from(`[groups]\n${growing.replaceAll('@g', 'g').replaceAll(' g', ',@g')}\n`)).read(),
      'f:1415:1: the groups have more than 1000000 members together',
    ],
    [subversionReader({ file: 'f' }, async () => Buffer.from(`[groups]\n${deep}\n`)).read(), 'f:102:1: groups are nested deeper than 100 levels'],
  ];
  for (const [reading, message] of cases) await t.throwsAsync(reading, { code: 'config-invalid', message });
});
