import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { sameState, slowStatList, statList } from '../../../client/inputs/file-state.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('one call and one stat after another say the same', async (t) => {
  const root = await temporaryDirectory(t);
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'f'), 'text');
  symlinkSync('f', join(root, 'l'));
  symlinkSync('nowhere', join(root, 'dangling'));
  const paths = ['d', 'f', 'l', 'dangling', 'absent'].map((name) => join(root, name));
  for (const follow of [false, true]) t.deepEqual(statList(paths, follow), slowStatList(paths, follow));
});

test('of a directory counts that it is one, or which one; of a file everything', async (t) => {
  const root = await temporaryDirectory(t);
  const [folder, file] = [join(root, 'd'), join(root, 'f')];
  const look = (path: string): Int32Array => statList([path], false);
  mkdirSync(folder);
  const same = (a: Int32Array, b: Int32Array, identity: boolean): boolean => sameState(a, 0, b, 0, identity);
  const first = look(folder);
  writeFileSync(join(folder, 'in it'), '');
  t.true(same(first, look(folder), true));
  renameSync(folder, join(root, 'old'));
  mkdirSync(folder);
  t.true(same(first, look(folder), false));
  t.false(same(first, look(folder), true));
  writeFileSync(file, 'a');
  const before = look(file);
  writeFileSync(file, 'ab');
  t.false(same(before, look(file), false));
  t.false(same(first, before, false));
});
