import { symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FileTable, monotonicMs } from '../../../client/inputs/file-table.ts';
import { Seen } from '../../../client/inputs/seen.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('what was too young for its state to tell is looked into: the text of a file, the target of a link', async (t) => {
  const root = await temporaryDirectory(t);
  const [file, link] = [join(root, 'file'), join(root, 'link')];
  writeFileSync(file, '');
  symlinkSync('here', link);
  const table = new FileTable(false);
  const hex = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const holds = (...young: ConstructorParameters<typeof Seen>[2] & {}): boolean => new Seen(table, table.sight([]), young).holds(monotonicMs());
  t.true(holds({ path: file, hex }, { path: link, target: 'here' }));
  writeFileSync(file, 'text');
  t.false(holds({ path: file, hex }));
  unlinkSync(link);
  symlinkSync('away', link);
  t.false(holds({ path: link, target: 'here' }));
  unlinkSync(link);
  t.false(holds({ path: link, target: 'here' }));
});
