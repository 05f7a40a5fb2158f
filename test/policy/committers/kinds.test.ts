import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseNames } from '../../../policy/committers/cvs/reader.ts';
import { checkPolicyText, loadPolicy } from '../../../policy/load.ts';
import { WardError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJpTOy7IhyET/iUMO1aiEx+jQd+hKP7x5sqYEMiSYehI';

const policy = (sources: readonly object[], combine = 'any'): string => JSON.stringify({
  serial: 1, mechanisms: ['krb5'],
  identities: [{ id: 'people', principal: 'krb5:{user}@CORP.TEST', committer: '{user}' }],
  committers: { combine, sources },
  rules: [{ id: 'all', effect: 'allow', who: ['*'] }],
});

test('a policy combines sources of every kind, found beside it', async (t) => {
  const directory = await temporaryDirectory(t);
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write('people', 'alice\n');
  write('authz', '[/]\n@dev = rw\n');
  write('groups', '[groups]\ndev = alice, bob\n');
  write('gitolite.conf', 'repo paint\n  RW master = alice carol\n');
  write('signers', `alice,dave ${key}\n`);
  write('writers', 'alice\neve\nzoe\n');
  write('readers', '# may look\nzoe\n');
  const sources = [
    { id: 'people', kind: 'list', file: 'people' },
    { id: 'svn', kind: 'subversion', file: 'authz', groupsFile: 'groups', repository: 'paint', path: '/trunk' },
    { id: 'git', kind: 'gitolite', file: 'gitolite.conf', repository: 'paint', ref: 'master', staleSeconds: 60 },
    { id: 'signed', kind: 'allowed-signers', file: 'signers', namespace: 'git' },
    { id: 'old', kind: 'cvs', file: 'writers', readersFile: 'readers' },
  ];
  write('policy.jsonc', policy(sources));
  const any = await loadPolicy(join(directory, 'policy.jsonc'));
  t.deepEqual(any.committers.names, ['alice', 'bob', 'carol', 'dave', 'eve']);
  t.deepEqual(any.committers.standing('alice').sources, ['people', 'svn', 'git', 'signed', 'old']);
  t.deepEqual(any.committers.standing('carol').sources, ['git']);
  t.false(any.committers.standing('zoe').isCommitter);
  write('policy.jsonc', policy(sources, 'all'));
  const all = await loadPolicy(join(directory, 'policy.jsonc'));
  t.deepEqual(['alice', 'bob', 'carol', 'dave', 'eve'].filter((name) => all.committers.standing(name).isCommitter), ['alice']);
  write('authz', '[/]\n@dev = rwx\n');
  const error = await t.throwsAsync(() => loadPolicy(join(directory, 'policy.jsonc')), { instanceOf: WardError, message: /authz:2:1: "x" in the entry/ });
  t.is(error?.code, 'policy-unavailable');
});

test('a source is refused that lacks a key of its kind, or has one of another', (t) => {
  const sentences = (source: object): string[] => checkPolicyText(policy([source]), 'p').map(({ message }) => message);
  t.deepEqual(sentences({ id: 'a', kind: 'gitolite', file: 'f' }), ['committers.sources[0] lacks the key "repository"']);
  t.true(sentences({ id: 'a', kind: 'list', file: 'f', repository: 'x' }).some((text) => text.includes('has no key "repository"')));
  t.true(sentences({ id: 'a', kind: 'subversion', file: 'f', path: 'trunk' }).some((text) => text.includes('must be a path that begins with /')));
  t.true(sentences({ id: 'a', kind: 'nis', file: 'f' }).some((text) => text.includes('must be one of "list", "subversion", "gitolite", "allowed-signers", "cvs", "ldap"')));
  t.deepEqual(sentences({ id: 'a', kind: 'cvs', file: 'f', staleSeconds: 5 }), []);
});

test('names of CVS are whole lines', (t) => {
  t.deepEqual([...parseNames('alice\r\n\n# bob\nc#\n', 'writers')], ['alice', 'c#']);
  for (const line of ['bob ', ' bob', 'bob carol', 'b\tc', 'b\u0007']) {
    const error = t.throws(() => parseNames(`alice\n${line}\n`, 'writers'), { instanceOf: WardError, message: /is no name; CVS takes a line as it is/ });
    t.is(error?.at, 'writers:2:1');
  }
});
