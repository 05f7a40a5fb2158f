import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FileStates, identityOf, sameStates, slowStatList, statList, type FileState } from '../../../client/inputs/file-state.ts';
import { StaysLocal } from '../../../client/inputs/reasons.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('one call and one stat after another say the same', async (t) => {
  const root = await temporaryDirectory(t);
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'f'), 'text');
  symlinkSync('f', join(root, 'l'));
  symlinkSync('nowhere', join(root, 'dangling'));
  const paths = ['d', 'f', 'l', 'dangling', 'absent'].map((name) => join(root, name));
  for (const follow of [false, true]) t.true(sameStates(statList(paths, follow), slowStatList(paths, follow)));
});

test('a state says what a path is, how large and how old', async (t) => {
  const root = await temporaryDirectory(t);
  writeFileSync(join(root, 'f'), 'text');
  mkdirSync(join(root, 'd'));
  symlinkSync('f', join(root, 'l'));
  linkSync(join(root, 'f'), join(root, 'g'));
  const states = new FileStates(new Map([[join(root, 'f'), 0], [join(root, 'absent'), 1]]));
  const of = (name: string): FileState | undefined => states.get(join(root, name));
  t.deepEqual(['f', 'd', 'l', 'absent', 'f/x'].map((name) => of(name)?.kind), ['file', 'directory', 'link', undefined, undefined]);
  t.is(of('f')?.size, 4);
  t.true(Math.abs((of('f')?.second ?? 0) - Date.now() / 1000) < 100);
  t.is(identityOf(of('f') as FileState), identityOf(of('g') as FileState));
  t.not(identityOf(of('f') as FileState), identityOf(of('d') as FileState));
});

test('a job sees each path once', async (t) => {
  const root = await temporaryDirectory(t);
  const states = new FileStates();
  t.is(states.get(join(root, 'late')), undefined);
  writeFileSync(join(root, 'late'), '');
  t.is(states.get(join(root, 'late')), undefined);
  t.deepEqual(states.sighting.paths, [join(root, 'late')]);
});

test('of a directory only counts which one it is, of a file everything', async (t) => {
  const root = await temporaryDirectory(t);
  const look = (): Int32Array => statList([root, join(root, 'f')], false);
  writeFileSync(join(root, 'f'), 'a');
  const before = look();
  writeFileSync(join(root, 'other'), '');
  t.true(sameStates(before, look()));
  writeFileSync(join(root, 'f'), 'ab');
  t.false(sameStates(before, look()));
  t.false(sameStates(before, before.subarray(12)));
});

test('what cannot be examined is an odd input', (t) => {
  t.is(new FileStates().get(`/${'x'.repeat(300)}/y`), undefined);
  if (process.geteuid?.() !== 0) t.throws(() => new FileStates().get('/root/x/y'), { instanceOf: StaysLocal });
});
