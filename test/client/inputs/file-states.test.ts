import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { identityOf, type FileState } from '../../../client/inputs/file-state.ts';
import { FileStates } from '../../../client/inputs/file-states.ts';
import { FileTable, monotonicMs } from '../../../client/inputs/file-table.ts';
import { StaysLocal } from '../../../client/inputs/reasons.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('a state says what a path is, how large and how old', async (t) => {
  const root = await temporaryDirectory(t);
  writeFileSync(join(root, 'f'), 'text');
  mkdirSync(join(root, 'd'));
  symlinkSync('f', join(root, 'l'));
  linkSync(join(root, 'f'), join(root, 'g'));
  const table = new FileTable(false);
  const expected = ['f', 'absent'].map((name) => table.id(join(root, name)));
  const states = new FileStates(table, monotonicMs(), Uint32Array.from(expected));
  const of = (name: string): FileState | undefined => states.get(join(root, name));
  t.deepEqual(['f', 'd', 'l', 'absent', 'f/x'].map((name) => of(name)?.kind), ['file', 'directory', 'link', undefined, undefined]);
  t.is(of('f')?.size, 4);
  t.true(Math.abs((of('f')?.second ?? 0) - Date.now() / 1000) < 100);
  t.deepEqual(identityOf(of('f') as FileState), identityOf(of('g') as FileState));
  t.notDeepEqual(identityOf(of('f') as FileState), identityOf(of('d') as FileState));
});

test('neighbours among inodes of 64 bits are not the same file', (t) => {
  const wordsOfInode = (inode: bigint): Int32Array => new Int32Array(new BigInt64Array([1n, inode, 0n, 0n, 0n, 0n]).buffer);
  for (const inode of [2n ** 53n, 2n ** 62n, -(2n ** 62n)]) {
    t.notDeepEqual(identityOf({ words: wordsOfInode(inode) }), identityOf({ words: wordsOfInode(inode + 1n) }), `${inode}`);
    t.deepEqual(identityOf({ words: wordsOfInode(inode) }), identityOf({ words: wordsOfInode(inode) }), `${inode}`);
  }
});

test('a job sees each path once', async (t) => {
  const root = await temporaryDirectory(t);
  const states = new FileStates();
  t.is(states.get(join(root, 'late')), undefined);
  writeFileSync(join(root, 'late'), '');
  t.is(states.get(join(root, 'late')), undefined);
  t.is(states.sighting.ids.length, 1);
});

test('what cannot be examined is an odd input', (t) => {
  t.is(new FileStates().get(`/${'x'.repeat(300)}/y`), undefined);
  if (process.geteuid?.() !== 0) t.throws(() => new FileStates().get('/root/x/y'), { instanceOf: StaysLocal });
});
