import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
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
  const [first, other] = [look(folder), look(root)];
  writeFileSync(join(folder, 'in it'), '');
  t.true(sameState(first, look(folder), true));
  t.is(sameState(first, { ...other, 10: first[10] } as unknown as Int32Array, false), true);
  t.false(sameState(first, { ...other, 10: first[10] } as unknown as Int32Array, true));
  writeFileSync(file, 'a');
  const before = look(file);
  writeFileSync(file, 'ab');
  t.false(sameState(before, look(file), false));
  t.false(sameState(first, before, false));
});
