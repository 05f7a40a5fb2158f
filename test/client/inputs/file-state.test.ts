import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { sameStates, slowStatList, statList } from '../../../client/inputs/file-state.ts';
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
