import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { accessOf, parseAuthz } from '../../../policy/committers/subversion/authz.ts';
import { subversionReader } from '../../../policy/committers/subversion/reader.ts';
import { matchSegment } from '../../../policy/committers/subversion/rule-path.ts';
import { WardError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { runOracle } from './run-oracle.ts';

/** What is wrong, where, and whether Subversion refuses it too (it skips or guesses at some of them). */
const refused: [text: string, at: string, message: RegExp, subversion: 'refuses' | 'accepts'][] = [
  ['alice = rw\n', '1:1', /no section header above/, 'refuses'],
  ['[/]\nalice\n', '2:1', /neither a section header nor NAME = VALUE/, 'refuses'],
  ['[/]\n\n  alice = rw\n', '3:1', /only to continue the value above/, 'refuses'],
  [' [/]\nalice = rw\n', '1:1', /only to continue the value above/, 'refuses'],
  ['[/\nalice = rw\n', '1:1', /is \[NAME\] and nothing else/, 'refuses'],
  ['[/a]]\nalice = rw\n', '1:1', /is \[NAME\] and nothing else/, 'accepts'],
  ['[/]\n= rw\n', '2:1', /no name before the sign/, 'accepts'],
  ['[/]\nalice = rw\n[/]\nbob = rw\n', '3:1', /appears twice; first at authz:1:1/, 'refuses'],
  ['[/a]\nalice = rw\n[:glob:/a]\nbob = rw\n', '3:1', /same path as at authz:1:1/, 'refuses'],
  ['[:glob:/**/*]\n[:glob:/*/**]\n', '2:1', /same path as at/, 'refuses'],
  ['[trunk]\nalice = rw\n', '1:1', /neither groups nor aliases nor a path/, 'refuses'],
  ['[repo:trunk]\nalice = rw\n', '1:1', /neither groups nor aliases/, 'refuses'],
  ['[:/a]\nalice = rw\n', '1:1', /begins with :glob:/, 'refuses'],
  ['[:blob:/a]\nalice = rw\n', '1:1', /begins with :glob:/, 'refuses'],
  ['[/a/]\nalice = rw\n', '1:1', /empty segment/, 'refuses'],
  ['[/a/../b]\nalice = rw\n', '1:1', /the segment \.\./, 'refuses'],
  ['[/]\nalice = rx\n', '2:1', /"x" in the entry for "alice" is not an access right/, 'refuses'],
  ['[/]\nalice = rw # admin\n', '2:1', /"#" in the entry/, 'refuses'],
  ['[/]\nalice = w\n', '2:1', /grants writing without reading/, 'refuses'],
  ['[/]\n~~alice = rw\n', '2:1', /is no name/, 'refuses'],
  ['[/]\n~* = rw\n', '2:1', /"\*" alone is everybody/, 'refuses'],
  ['[/]\n*x = rw\n', '2:1', /"\*" alone is everybody/, 'refuses'],
  ['[/]\n$all = rw\n', '2:1', /neither \$anonymous nor \$authenticated/, 'refuses'],
  ['[/]\n@g = rw\n', '2:1', /group "@g" is not defined/, 'refuses'],
  ['[/]\n&a = rw\n', '2:1', /alias "&a" is not defined/, 'refuses'],
  ['[groups]\ng = @h\n', '2:1', /group "@h" is not defined/, 'refuses'],
  ['[groups]\na = x\ng = @h\nh = @g\n', '4:1', /group "@g" is a member of itself/, 'refuses'],
  ['[groups]\ng = &a\n', '2:1', /alias "&a" is not defined/, 'refuses'],
  ['[groups]\ng = a\ng = b\n', '3:1', /"g" is defined twice/, 'refuses'],
  ['[groups]\n@g = a\n', '2:1', /may not begin with @/, 'refuses'],
  ['[aliases]\n~a = b\n', '2:1', /may not begin with ~/, 'refuses'],
];

test('what is wrong with an access file is said with its line, and Subversion does not like it either', async (t) => {
  const directory = await temporaryDirectory(t);
  for (const [index, [text, at, message, subversion]] of refused.entries()) {
    const error = t.throws(() => parseAuthz(text, 'authz'), { instanceOf: WardError, message }, text);
    t.is(error?.code, 'config-invalid', text);
    t.is(error?.class, 'client', text);
    t.is(error?.at, `authz:${at}`, text);
    const file = join(directory, `authz${index}`);
    writeFileSync(file, text);
    const { status } = await runOracle('svnauthz', ['validate', file]);
    t.is(status === 0 ? 'accepts' : 'refuses', subversion, text);
  }
});

test('comments, continued values, colons, a mark at the start and other line ends are understood', (t) => {
  const text = '\uFEFF# who\r\n[groups]\r\ndev = alice,\r\n  bob\r\n\r\n[/] # everything\r\n@dev : r\r\n  w\r\n';
  const authz = parseAuthz(text, 'authz');
  t.is(accessOf(authz, { user: 'alice', path: '/' }), 'rw');
  t.is(accessOf(authz, { user: 'bob', path: '/x/y' }), 'rw');
  t.is(accessOf(authz, { user: 'carol', path: '/' }), 'no');
});

test('a pattern that is hard to match takes no longer for it', (t) => {
  t.true(matchSegment('*a*b', 'xxaxxb'));
  t.false(matchSegment(`${'*a'.repeat(2000)}b`, 'a'.repeat(20_000)));
});

test('the source knows who may write at its path, also through a global groups file', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'authz');
  const groupsFile = join(directory, 'groups');
  writeFileSync(file, '[/]\n* = r\n@dev = rw\n[paint:/trunk]\ncarol = rw\n');
  writeFileSync(groupsFile, '[groups]\ndev = alice, bob\n');
  const everywhere = await subversionReader({ file, groupsFile }).read();
  t.deepEqual(everywhere.names, ['alice', 'bob']);
  t.true(everywhere.has('alice'));
  t.false(everywhere.has('carol'));
  t.false(everywhere.has(''));
  t.false(everywhere.has('@dev'));
  t.deepEqual((await subversionReader({ file, groupsFile, repository: 'paint', path: '/trunk' }).read()).names, ['alice', 'bob', 'carol']);
  t.deepEqual((await subversionReader({ file, groupsFile, repository: 'paint' }).read()).names, ['alice', 'bob']);
  writeFileSync(groupsFile, '[groups]\ndev = alice\n');
  const later = await subversionReader({ file, groupsFile }).read();
  t.not(later.revision, everywhere.revision);
  t.false(later.has('bob'));
  writeFileSync(groupsFile, '[groups]\ndev = alice\n[/]\n');
  const error = await t.throwsAsync(() => subversionReader({ file, groupsFile }).read(), { instanceOf: WardError, message: /has one section, \[groups\]/ });
  t.is(error?.at, `${groupsFile}:3:1`);
  writeFileSync(file, '[groups]\nx = a\n[/]\n');
  await t.throwsAsync(() => subversionReader({ file, groupsFile }).read(), { instanceOf: WardError, message: /no \[groups\] here/ });
});

test('a file that lets everybody write cannot say who the committers are', async (t) => {
  const file = join(await temporaryDirectory(t), 'authz');
  for (const entry of ['* = rw', '$authenticated = rw', '~alice = rw', '~$anonymous = rw']) {
    writeFileSync(file, `[/]\n${entry}\n`);
    const membership = await subversionReader({ file }).read();
    t.is(membership.names, undefined, entry);
    t.true(membership.has('zoe'), entry);
  }
});
