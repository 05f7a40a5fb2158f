import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { listReader, parseCommitterList } from '../../../policy/committers/list.ts';
import { Committers, CommitterSource } from '../../../policy/committers/source.ts';
import { WardError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('a list has one name a line; comments, blank lines, line ends and a byte order mark do not matter', (t) => {
  const text = '\uFEFF# people\r\nalice\n  bob  # since March\n\nJos\u00e9 Garc\u00eda\nc#sharp\n#dave\n\tcarol\t#\nalice\n';
  t.deepEqual([...parseCommitterList(text, 'f')], ['alice', 'bob', 'Jos\u00e9 Garc\u00eda', 'c#sharp', 'carol']);
});

for (const [title, line, column] of [
  ['a control character', 'bob\u0007', 1],
  ['a line separator inside', ' a\u2028b', 2],
  ['an invisible character', 'a\u200bb', 1],
  ['more than 256 characters', 'x'.repeat(257), 1],
] as const) {
  test(`a list is refused with its position for a line with ${title}`, (t) => {
    const error = t.throws(() => parseCommitterList(`alice\n${line}\n`, 'my list'), { instanceOf: WardError });
    t.deepEqual(
      [error.code, error.at, error.message],
      [
        'config-invalid',
        `my list:2:${column}`,
        `my list:2:${column}: this line is no name of a committer (control characters, or longer than 256)`,
      ],
    );
  });
}

test('a source reads its file again, also when it was replaced by rename, and has a revision for its content', async (t) => {
  const file = join(await temporaryDirectory(t), 'committers');
  writeFileSync(file, 'alice\nbob\n');
  const source = await CommitterSource.open({ id: 'trunk', position: 'p:1:1', reader: listReader(file), staleSeconds: 60 });
  const { revision } = source;
  t.deepEqual(
    [source.has('alice'), source.has('eve'), source.has('Alice'), source.names, source.files, source.kind],
    [true, false, false, ['alice', 'bob'], [file], 'list'],
  );
  t.is(await source.reload(), 'same');
  writeFileSync(`${file}.new`, 'bob\neve\n');
  renameSync(`${file}.new`, file);
  t.is(await source.reload(), 'changed');
  t.deepEqual([source.has('alice'), source.has('eve')], [false, true]);
  t.not(source.revision, revision);
});

test('a source that breaks keeps its last good answer for its stated time, then knows nobody, and recovers', async (t) => {
  const file = join(await temporaryDirectory(t), 'committers');
  writeFileSync(file, 'alice\n');
  const source = await CommitterSource.open({ id: 'trunk', position: 'policy.jsonc:3:7', reader: listReader(file), staleSeconds: 60 });
  const now = Date.now();
  writeFileSync(file, 'alice\n\u0000\n');
  t.is(await source.reload(now), 'failed');
  t.is(source.problem?.message, `${file}:2:1: this line is no name of a committer (control characters, or longer than 256)`);
  t.true(source.has('alice', now + 60_000));
  rmSync(file);
  t.is(await source.reload(now + 30_000), 'failed');
  const error = t.throws(() => source.has('alice', now + 60_001), { instanceOf: WardError });
  t.deepEqual(
    [error.code, error.at, error.message],
    [
      'policy-unavailable',
      'policy.jsonc:3:7',
      `The committer source "trunk" could not be read for more than 60 seconds, so it knows nobody: ${file}: there is no such file`,
    ],
  );
  writeFileSync(file, 'alice\n');
  t.is(await source.reload(now + 90_000), 'same');
  t.is(source.problem, undefined);
  t.true(source.has('alice', now + 1e9));
});

test('several sources combine as the policy says', async (t) => {
  const directory = await temporaryDirectory(t);
  const open = async (id: string, text: string) => {
    writeFileSync(join(directory, id), text);
    return CommitterSource.open({ id, position: 'p:1:1', reader: listReader(join(directory, id)), staleSeconds: 0 });
  };
  const sources = [await open('one', 'alice\nbob\n'), await open('two', 'bob\ncarol\n')];
  const any = new Committers(sources, 'any');
  const all = new Committers(sources, 'all');
  const of = (committers: Committers) => ['alice', 'bob', 'carol', 'eve'].map((name) => committers.standing(name).isCommitter);
  t.deepEqual(of(any), [true, true, true, false]);
  t.deepEqual(of(all), [false, true, false, false]);
  t.deepEqual(any.standing('alice').sources, ['one']);
  t.is(any.revision, `one@${sources[0]!.revision} two@${sources[1]!.revision}`);
  t.deepEqual(any.names, ['alice', 'bob', 'carol']);
  t.false(new Committers([], 'all').standing('alice').isCommitter);
});
