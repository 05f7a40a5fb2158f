import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FileTable, looksFrom, monotonicMs } from '../../../client/inputs/file-table.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('a look is good for every job that began before it, and for none that begins later', async (t) => {
  const file = join(await temporaryDirectory(t), 'f');
  const table = new FileTable(false);
  const began = monotonicMs();
  const absent = (table.look([table.id(file)], began), table.sight([table.id(file)]));
  writeFileSync(file, 'text');
  t.true(table.holds(absent, began), 'the look that was made is later than this job');
  t.false(table.holds(absent, monotonicMs()), 'a job that begins now looks again');
  t.false(table.holds(absent, began), 'what is newer is good for older jobs too');
});

for (const follow of [false, true]) {
  test(`${follow ? 'stat' : 'lstat'}: the version of a file follows its content, that of a directory ${follow ? 'which' : 'that'} one it is`, async (t) => {
    const root = await temporaryDirectory(t);
    const [folder, file] = [join(root, 'd'), join(root, 'd/f')];
    mkdirSync(folder);
    writeFileSync(file, 'a');
    const table = new FileTable(follow);
    const ids = [folder, file].map((path) => table.id(path));
    const versions = (): number[] => {
      table.look(ids, monotonicMs());
      return ids.map((id) => table.version(id));
    };
    const [first, second] = [versions(), (writeFileSync(join(folder, 'other'), ''), versions())];
    t.deepEqual(second, first);
    writeFileSync(file, 'ab');
    t.deepEqual(versions(), [first[0], (first[1] as number) + 1]);
    renameSync(folder, join(root, 'old'));
    mkdirSync(folder);
    t.is(versions()[0] === first[0], !follow);
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    t.not(versions()[0], first[0]);
  });
}

test('a table that has grown still knows what it saw', async (t) => {
  const root = await temporaryDirectory(t);
  const table = new FileTable(false);
  writeFileSync(join(root, '0'), 'text');
  const ids = Array.from({ length: 10_000 }, (_, index) => table.id(join(root, String(index))));
  const began = monotonicMs();
  table.look(ids, began);
  t.is(table.sight(ids).versions.length, 10_000);
  t.true(table.holds(table.sight(ids), began));
  t.is(table.words(ids[0] as number)[4], 4);
});

test('a command cannot have begun in the future, nor so long ago that old looks would count', (t) => {
  const now = monotonicMs();
  t.true(looksFrom(now + 60_000) <= monotonicMs());
  t.true(looksFrom(0) >= now - 1000);
  t.is(looksFrom(now - 5), now - 5);
});
