import test from 'ava';
import type { TreeEntry } from '../../../protocol/tree.ts';
import { outermost, resolveDirectory } from '../../../server/executor/paths-in-tree.ts';

const entries = new Map(
  (
    [
      { path: '/a', kind: 'directory' },
      { path: '/a/b', kind: 'directory' },
      { path: '/a/b/c', kind: 'directory' },
      { path: '/a/up', kind: 'link', target: '../a/b' },
      { path: '/a/absolute', kind: 'link', target: '/a/b/c' },
      { path: '/a/round', kind: 'link', target: 'round' },
      { path: '/a/out', kind: 'link', target: '../../../etc' },
      { path: '/a/chain', kind: 'link', target: 'up/c' },
      { path: '/a/file', kind: 'file', digest: Buffer.alloc(32), size: 0, group: 0 },
      { path: '/top', kind: 'link', target: 'a/b' },
    ] satisfies TreeEntry[]
  ).map((entry) => [entry.path, entry as TreeEntry]),
);

for (const [path, real] of [
  ['/a/b', '/a/b'],
  ['/', '/'],
  ['/a/up', '/a/b'],
  ['/a/up/c', '/a/b/c'],
  ['/a/absolute', '/a/b/c'],
  ['/a/chain', '/a/b/c'],
  ['/top/c', '/a/b/c'],
  ['/a/b/../b', '/a/b'],
  ['/a/round', undefined],
  ['/a/out', undefined],
  ['/a/file', undefined],
  ['/a/missing', undefined],
  ['/etc', undefined],
] as const) {
  test(`${path} leads to ${real ?? 'no directory of the tree'}`, (t) => {
    t.is(resolveDirectory(entries, path), real);
  });
}

test('directories below another one are left out', (t) => {
  t.deepEqual(outermost(['/a/b', '/a', '/ab', '/a/b/c', '/a', '/c/d']), ['/a', '/ab', '/c/d']);
});
