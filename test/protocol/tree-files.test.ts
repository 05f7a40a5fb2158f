import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { fileWith, withContents, type Content } from '../../protocol/tree-files.ts';
import { decodeTree, encodeTree, type TreeEntry } from '../../protocol/tree.ts';

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
const fileOf = (path: string, text: string, group = 0): TreeEntry => ({ path, kind: 'file', digest: sha256(text), size: text.length, group });
const contentOf = (text: string): Content => ({ digest: sha256(text), size: text.length });
const always = (): boolean => true;

const name = fc.constantFrom('a', 'ab', 'ä', 'b b', 'zz', '𐀀', '\uffff');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}.h`);
const text = fc.string({ maxLength: 8 });
const files = fc.uniqueArray(fc.record({ path, text }), { selector: (each) => each.path, minLength: 1, maxLength: 12 });

test('each file of a tree is found by its digest, under the first path that has it', (t) => {
  fc.assert(fc.property(files, (all) => {
    const tree = encodeTree(all.map((each) => fileOf(each.path, each.text)));
    const entries = decodeTree(tree);
    for (const each of all) {
      const first = entries.find((entry) => entry.kind === 'file' && entry.digest.equals(sha256(each.text)));
      t.is(fileWith(tree, sha256(each.text)), first?.path);
    }
    t.is(fileWith(tree, sha256('nowhere in it')), undefined);
  }));
});

test('a tree with other contents is the tree that would be made of them', (t) => {
  const tally = { renewed: 0, refused: 0 };
  fc.assert(fc.property(files, fc.array(fc.tuple(fc.nat(11), text), { minLength: 1, maxLength: 4 }), (all, edits) => {
    const before = encodeTree(all.map((each) => fileOf(each.path, each.text)));
    const edited = new Map(edits.map(([index, content]) => [all[index % all.length]!.path, content]));
    const after = encodeTree(all.map((each) => fileOf(each.path, edited.get(each.path) ?? each.text)));
    const kept = Buffer.from(before);
    const renewed = withContents(before, new Map([...edited].map(([where, content]) => [where, contentOf(content)])), always);
    t.deepEqual(before, kept);
    tally[renewed === undefined ? 'refused' : 'renewed'] += 1;
    if (renewed !== undefined) t.deepEqual(renewed, after);
  }));
  t.true(tally.renewed > tally.refused);
});

test('whoever asks is told what was there, and may refuse', (t) => {
  const tree = encodeTree([fileOf('/a.h', 'one'), fileOf('/b.h', 'three')]);
  const asked: unknown[] = [];
  const renewed = withContents(tree, new Map([['/b.h', contentOf('four')]]), (path, before, now) => {
    asked.push([path, Buffer.from(before.digest), before.size, now.size]);
    return false;
  });
  t.is(renewed, undefined);
  t.deepEqual(asked, [['/b.h', sha256('three'), 5, 4]]);
});

const refused: readonly (readonly [string, readonly TreeEntry[], Readonly<Record<string, string>>])[] = [
  ['a path that is not in the tree', [fileOf('/a.h', 'one')], { '/b.h': 'two' }],
  ['a directory', [fileOf('/a/b.h', 'one')], { '/a': 'two' }],
  ['a link', [{ path: '/l', kind: 'link', target: 'a.h' }, fileOf('/a.h', 'one')], { '/l': 'two' }],
  ['a content that another file has', [fileOf('/a.h', 'one'), fileOf('/b.h', 'two')], { '/a.h': 'two' }],
  ['a content that another file had', [fileOf('/a.h', 'one'), fileOf('/b.h', 'one', 1)], { '/b.h': 'two' }],
  ['two files that become the same', [fileOf('/a.h', 'one'), fileOf('/b.h', 'two')], { '/a.h': 'three', '/b.h': 'three' }],
];

for (const [what, entries, contents] of refused) {
  test(`contents are not put into a tree: ${what}`, (t) => {
    const wanted = new Map(Object.entries(contents).map(([where, content]) => [where, contentOf(content)]));
    t.is(withContents(encodeTree(entries), wanted, always), undefined);
  });
}

test('a content that stays as it was changes nothing', (t) => {
  const tree = encodeTree([fileOf('/a.h', 'one')]);
  t.deepEqual(withContents(tree, new Map([['/a.h', contentOf('one')]]), always), tree);
});
