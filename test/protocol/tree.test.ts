import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { WardError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import { decodeTree, encodeTree } from '../../protocol/tree.ts';
import type { TreeEntry } from '../../protocol/tree.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const file = (path: string, content = 'x', group = 0): TreeEntry => ({
  path, kind: 'file', digest: digest(content), size: content.length, group,
});
const directory = (path: string): TreeEntry => ({ path, kind: 'directory' });
const link = (path: string, target: string): TreeEntry => ({ path, kind: 'link', target });

const character = fc.constantFrom('a', 'b', '-', '.', ' ', '"', '%', 'ü', '\u{1f600}', '\uffee', '!', '\n');
const component = fc.string({ unit: character, minLength: 1, maxLength: 4 }).filter((name) => name !== '.' && name !== '..');
const anyPath = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);

/** Trees that are valid: entries below a file or link, and paths that appear twice, are left out. */
const anyEntry = fc.tuple(anyPath, fc.constantFrom('file', 'link', 'directory'), fc.nat(3), fc.nat(2));
const anyTree = fc.array(anyEntry, { maxLength: 20 }).map((candidates) => {
  const kept = new Map<string, TreeEntry>();
  const parents = (path: string): string[] => path.split('/').slice(1, -1).map(
    (_, index, parts) => `/${parts.slice(0, index + 1).join('/')}`,
  );
  const implied = new Set<string>();
  for (const [path, kind, content, group] of candidates) {
    if (kept.has(path) || (implied.has(path) && kind !== 'directory')) continue;
    if (parents(path).some((parent) => kept.has(parent) && kept.get(parent)!.kind !== 'directory')) continue;
    for (const parent of parents(path)) implied.add(parent);
    kept.set(path, kind === 'file' ? file(path, `${content}`, group) : kind === 'link' ? link(path, '../x') : directory(path));
  }
  return [...kept.values()];
});

test('a tree has one encoding, whatever the order of its entries, and decodes to all of them', (t) => {
  fc.assert(fc.property(anyTree, fc.nat(), (entries, seed) => {
    const encoded = encodeTree(entries);
    const shuffled = [...entries].sort((a, b) => digest(`${seed}${a.path}`).compare(digest(`${seed}${b.path}`)));
    t.deepEqual(encodeTree(shuffled), encoded);
    const decoded = decodeTree(encoded);
    t.deepEqual(encodeTree(decoded), encoded);
    const paths = new Set(decoded.map(({ path }) => path));
    for (const { path } of entries) t.true(paths.has(path));
    const sorted = decoded.map(({ path }) => Buffer.from(path));
    t.deepEqual(sorted, [...sorted].sort(Buffer.compare));
  }), { numRuns: 300 });
});

test('directories on the way are written out', (t) => {
  t.deepEqual(decodeTree(encodeTree([file('/a/b/c')])), [directory('/a'), directory('/a/b'), file('/a/b/c')]);
  t.deepEqual(encodeTree([file('/a/b/c')]), encodeTree([file('/a/b/c'), directory('/a'), directory('/a/b')]));
  t.deepEqual(decodeTree(encodeTree([])), []);
});

test('the same directory may lie between names that sort around it', (t) => {
  const entries = [directory('/a'), file('/a-b'), file('/a.b'), file('/a/x'), file('/a0')];
  t.deepEqual(decodeTree(encodeTree(entries)).map(({ path }) => path), ['/a', '/a-b', '/a.b', '/a/x', '/a0']);
});

test('groups of files with equal contents are numbered by first appearance', (t) => {
  const groups = (entries: TreeEntry[]) =>
    decodeTree(encodeTree(entries)).map((entry) => (entry.kind === 'file' ? entry.group : undefined));
  t.deepEqual(groups([file('/a', 'x', 7), file('/b', 'x', 3), file('/c', 'x', 7), file('/d', 'y', 3)]), [0, 1, 0, 0]);
  t.deepEqual(groups([file('/a', 'x', 5), file('/b', 'x', 5)]), [0, 0]);
});

test('sizes above 2^32 survive', (t) => {
  const large: TreeEntry = { path: '/a', kind: 'file', digest: digest('x'), size: 2 ** 40 + 5, group: 0 };
  t.deepEqual(decodeTree(encodeTree([large])), [large]);
});

const unencodable: [string, TreeEntry[], RegExp][] = [
  ['a relative path', [file('a')], /not absolute/],
  ['an empty path', [file('')], /not absolute/],
  ['the root', [directory('/')], /not absolute/],
  ['a dot', [file('/a/./b')], /normalised/],
  ['two dots', [file('/a/../b')], /normalised/],
  ['two dots at the end', [file('/a/..')], /normalised/],
  ['two slashes', [file('/a//b')], /normalised/],
  ['a slash at the end', [directory('/a/')], /normalised/],
  ['a NUL', [file('/a\0b')], /normalised/],
  ['a path twice', [file('/a'), directory('/a')], /twice/], ['something below a file', [file('/a'), file('/a/b')], /below a file/],
  ['something below a link', [link('/a', '/b'), file('/a/b')], /below a link/],
  ['something deep below a link', [link('/a', '/b'), file('/a/b/c/d')], /below a link/],
  ['a link to nothing', [link('/a', '')], /target/],
  ['a link with a NUL', [link('/a', 'b\0c')], /target/],
  ['half a character', [file('/\ud800')], /valid Unicode/],
  ['a path that is too long', [file(`/${'a'.repeat(4096)}`)], /more than 4096 bytes/],
  ['a path that is too deep', [file('/a'.repeat(257))], /deeper than 256/],
  ['a target that is too long', [link('/a', 'b'.repeat(4097))], /more than 4096 bytes/],
  ['a short digest', [{ path: '/a', kind: 'file', digest: Buffer.alloc(31), size: 0, group: 0 }], /SHA-256/],
];

for (const [title, entries, message] of unencodable) {
  test(`${title} is no tree`, (t) => {
    t.throws(() => encodeTree(entries), { instanceOf: WardError, code: 'tree-invalid', message });
  });
}

/** An encoding by hand: what an attacker may send. */
const raw = (...entries: [shared: number, rest: string | Buffer, kind: number, body?: Buffer][]): Buffer => {
  const parts: Buffer[] = [Buffer.from('WTR1'), Buffer.alloc(4)];
  parts[1]!.writeUInt32BE(entries.length);
  for (const [shared, rest, kind, body] of entries) {
    const bytes = Buffer.from(rest as string);
    const head = Buffer.alloc(4);
    head.writeUInt16BE(shared, 0);
    head.writeUInt16BE(bytes.length, 2);
    parts.push(head, bytes, Buffer.from([kind]), body ?? Buffer.alloc(0));
  }
  return Buffer.concat(parts);
};
const fileBody = (content = 'x', group = 0, high = 0): Buffer => {
  const tail = Buffer.alloc(10);
  tail.writeUInt32BE(high, 0);
  tail.writeUInt16BE(group, 8);
  return Buffer.concat([digest(content), tail]);
};
const linkBody = (target: string | Buffer): Buffer => {
  const bytes = Buffer.from(target as string);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(bytes.length);
  return Buffer.concat([head, bytes]);
};

const refused: [string, Buffer, RegExp][] = [
  ['nothing', Buffer.alloc(0), /ends too early/],
  ['another magic number', Buffer.concat([Buffer.from('WTR2'), Buffer.alloc(4)]), /magic/],
  ['a count without entries', Buffer.concat([Buffer.from('WTR1'), Buffer.from([0, 0, 0, 1])]), /ends too early/],
  ['more entries than the limit', Buffer.concat([Buffer.from('WTR1'), Buffer.from([0xff, 0xff, 0xff, 0xff])]), /more than 100000 entries/],
  ['a byte after the end', Buffer.concat([raw([0, '/a', 3]), Buffer.from([0])]), /after its last entry/],
  ['an unsorted list', raw([0, '/b', 3], [1, 'a', 3]), /not sorted/],
  ['the same path twice', raw([0, '/a', 3], [2, '', 3]), /not sorted/],
  ['a shared prefix that could be longer', raw([0, '/ab', 3], [1, 'ac', 3]), /not sorted/],
  ['a shared prefix that is not there', raw([0, '/a', 3], [5, 'b', 3]), /shares more/],
  ['a relative path', raw([0, 'a', 3]), /not absolute/],
  ['a way up', raw([0, '/..', 3]), /normalised/],
  ['a way up that is put together from a shared prefix', raw([0, '/.', 3]), /normalised/],
  ['a missing parent', raw([0, '/a/b', 3]), /lacks the directory/],
  ['an entry below a link', raw([0, '/a', 2, linkBody('/etc')], [2, '/b', 1, fileBody()]), /below a link/],
  ['an entry below a file', raw([0, '/a', 1, fileBody()], [2, '/b', 1, fileBody()]), /below a file/],
  ['an unknown kind', raw([0, '/a', 4]), /unknown kind/],
  ['kind 0', raw([0, '/a', 0]), /unknown kind/],
  ['a path that is not UTF-8', raw([0, Buffer.from([0x2f, 0xff]), 3]), /valid UTF-8/],
  ['a target that is not UTF-8', raw([0, '/a', 2, linkBody(Buffer.from([0xff]))]), /valid UTF-8/],
  ['an empty target', raw([0, '/a', 2, linkBody('')]), /target/],
  ['a target that is too long', raw([0, '/a', 2, linkBody('b'.repeat(4097))]), /more than 4096 bytes/],
  ['a file of more than 2^53 bytes', raw([0, '/a', 1, fileBody('x', 0, 0x20_0000)]), /impossible size/],
  ['a group that does not begin at 0', raw([0, '/a', 1, fileBody('x', 1)]), /groups/],
  ['a group that skips a number', raw([0, '/a', 1, fileBody('x', 0)], [1, 'b', 1, fileBody('x', 2)]), /groups/],
  ['half an entry', raw([0, '/a', 1, fileBody().subarray(0, 20)]), /ends too early/],
  ['a path of more than 4096 bytes', raw([0, `/${'a'.repeat(4096)}`, 3]), /more than 4096 bytes/],
];

for (const [title, bytes, message] of refused) {
  test(`${title} is refused`, (t) => {
    t.throws(() => decodeTree(bytes), { instanceOf: WardError, code: 'tree-invalid', message });
  });
}

test('whatever is changed in an encoding, it is refused or the encoding of another tree', (t) => {
  const encoded = encodeTree([
    file('/home/a/x.c', 'one'), file('/home/a/x.h', 'two'), link('/home/b', 'a'), file('/usr/include/c.h', 'two', 1),
  ]);
  let refusedOnes = 0;
  for (let at = 0; at < encoded.length; at++) {
    for (const bit of [1, 16, 128]) {
      const changed = Buffer.from(encoded);
      changed[at]! ^= bit;
      try {
        t.deepEqual(encodeTree(decodeTree(changed)), changed);
      } catch (error) {
        t.is((error as WardError).code, 'tree-invalid');
        refusedOnes += 1;
      }
    }
  }
  t.true(refusedOnes > 100);
  for (let length = 0; length < encoded.length; length++) {
    t.throws(() => decodeTree(encoded.subarray(0, length)), { instanceOf: WardError, code: 'tree-invalid' });
  }
});

test('an encoding larger than its limit is refused before it is read', (t) => {
  t.throws(
    () => decodeTree(Buffer.alloc(limits.treeBytes + 1)),
    { instanceOf: WardError, code: 'tree-invalid', message: /more than 33554432 bytes/ },
  );
});
