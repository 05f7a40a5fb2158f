import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isSettled, sameState, slowStatList, statList, wordsOf } from '../../../client/inputs/file-state.ts';
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

test('a change is certain to show in a state some ticks after the last one, or some seconds where clocks have no finer ticks', (t) => {
  const at = (ns: bigint, mtimeNs = 5n): Int32Array =>
    wordsOf({ dev: 1n, ino: 2n, size: 3n, mtimeNs, ctimeNs: ns, mode: 0o100644n } as Parameters<typeof wordsOf>[0]);
  const second = 1_700_000_000n * 1_000_000_000n;
  const ms = Number(second / 1_000_000n);
  t.false(isSettled(at(second + 7n), ms + 10));
  t.true(isSettled(at(second + 7n), ms + 30));
  t.false(isSettled(at(second), ms + 2_500));
  t.true(isSettled(at(second), ms + 5_000));
  t.false(isSettled(at(second + 7n, second * 2n), ms + 30), 'a time in the future');
});
