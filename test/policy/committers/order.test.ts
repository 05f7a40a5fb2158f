import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { allowedSignersReader } from '../../../policy/committers/openssh/reader.ts';
import { isOlder, orderedReader, printOrder, readOrder } from '../../../policy/committers/order.ts';
import { listReader } from '../../../policy/committers/list.ts';
import { loadPolicy } from '../../../policy/load.ts';
import { readGuarded } from '../../../policy/guarded-read.ts';
import { WardError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const numbered = (text: string): readonly number[] => readOrder(Buffer.from(text), 'f');

test('a revision has the number that a comment at the top says, or that Subversion or CVS wrote there', (t) => {
  t.deepEqual(numbered('# serial: 42\nalice\n'), [42]);
  t.deepEqual(numbered('\n  # people, Serial 7\n'), [7]);
  t.deepEqual(numbered('#serial=9\n'), [9]);
  t.deepEqual(numbered('# $Revision: 1.24 $\n'), [1, 24]);
  t.deepEqual(numbered('# $Rev: 1742 $\n# serial: 3\n'), [1742]);
  t.deepEqual(numbered('# $Id: x $ $LastChangedRevision: 12 $\n'), [12]);
});

test('what is no comment, no number, or further down, is no number of a revision', (t) => {
  for (const text of ['serial: 42\n', '# serial:\n', '# $Revision$\n', '# serial: 1234567890123456\n', '# serial: 1..2\n', `${'\n'.repeat(64)}# serial: 1\n`, '']) {
    const error = t.throws(() => numbered(text), { instanceOf: WardError });
    t.deepEqual([error.code, error.at], ['config-invalid', 'f:1:1'], text);
  }
});

test('a revision is older when any of its files is', (t) => {
  t.true(isOlder({ a: [4] }, { a: [5] }));
  t.false(isOlder({ a: [5] }, { a: [5] }));
  t.true(isOlder({ a: [1, 9] }, { a: [1, 10] }));
  t.false(isOlder({ a: [1, 10] }, { a: [1, 9] }));
  t.true(isOlder({ a: [1] }, { a: [1, 1] }));
  t.true(isOlder({ a: [9], b: [1] }, { a: [5], b: [2] }));
  t.false(isOlder({ c: [1] }, { a: [5] }));
  t.is(printOrder({ a: [1, 24], b: [3] }), '1.24, 3');
});

test('an ordered source answers like the source itself, and has the number of the bytes it read', async (t) => {
  const file = join(await temporaryDirectory(t), 'people');
  writeFileSync(file, '# serial: 3\nalice\n');
  const reader = orderedReader([file], (read) => listReader(file, read));
  const first = await reader.read();
  t.deepEqual([first.order, first.has('alice'), first.has('bob'), first.names], [{ [file]: [3] }, true, false, ['alice']]);
  t.is(first.revision, (await listReader(file).read()).revision);
  writeFileSync(file, 'alice\n');
  await t.throwsAsync(reader.read(), { instanceOf: WardError, message: /people:1:1: the policy says that revisions of this file are ordered/ });
});

test('allowed signers know when their answer next changes by itself', async (t) => {
  const file = join(await temporaryDirectory(t), 'signers');
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJpTOy7IhyET/iUMO1aiEx+jQd+hKP7x5sqYEMiSYehI';
  writeFileSync(file, `alice valid-before="20300102Z" ${key}\nbob valid-after="20290101Z" ${key}\n`);
  const { nextChange } = await allowedSignersReader({ file }).read();
  const ends = Date.UTC(2030, 0, 2) + 1;
  t.deepEqual([0, Date.UTC(2029, 0, 1), ends - 1, ends].map((now) => nextChange?.(now)), [Date.UTC(2029, 0, 1), ends, ends, undefined]);
});

const policy = (source: object): string => JSON.stringify({
  serial: 1, mechanisms: ['krb5'], identities: [{ id: 'a', principal: 'krb5:{user}@CORP.TEST', committer: '{user}' }],
  committers: { sources: [source] }, rules: [{ id: 'all', effect: 'allow', who: ['*'] }],
});

test('a new policy takes over the last good answer of a source that is unreadable just then; another source gets none', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'policy.jsonc');
  const source = { id: 'people', kind: 'list', file: 'people', staleSeconds: 60 };
  writeFileSync(join(directory, 'people'), 'alice\n');
  writeFileSync(file, policy(source));
  const { committers: before } = await loadPolicy(file);
  writeFileSync(join(directory, 'people'), '\u0007\n');
  const { committers } = await loadPolicy(file, { before });
  t.true(committers.standing('alice').isCommitter);
  t.regex(committers.sources[0]!.status.problem ?? '', /people:1:1: this line is no name/);
  t.throws(() => committers.standing('alice', Date.now() + 61_000), { instanceOf: WardError, code: 'policy-unavailable' });
  await t.throwsAsync(loadPolicy(file), { instanceOf: WardError, code: 'policy-unavailable' });
  writeFileSync(join(directory, 'others'), '\u0007\n');
  writeFileSync(file, policy({ ...source, file: 'others' }));
  await t.throwsAsync(loadPolicy(file, { before }), { instanceOf: WardError, code: 'policy-unavailable' });
});

test('a source says how it is: revision, number of people, worst delay', async (t) => {
  const directory = await temporaryDirectory(t);
  writeFileSync(join(directory, 'people'), 'alice\nbob\n');
  writeFileSync(join(directory, 'policy.jsonc'), policy({ id: 'people', kind: 'list', file: 'people' }), { mode: 0o644 });
  const { committers } = await loadPolicy(join(directory, 'policy.jsonc'), { readFile: readGuarded });
  const { status } = committers.sources[0]!;
  t.like(status, { id: 'people', kind: 'list', people: 2, worstDelaySeconds: 2, staleSeconds: 3600 });
  t.is(status.problem, undefined);
  t.true(Math.abs(status.readAt - Date.now()) < 60_000);
});
