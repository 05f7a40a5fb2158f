import { createHash, randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { WardError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import { encodeStart, ListReader, ListWriter, type StartList, type WrittenList } from '../../protocol/start-list.ts';
import { encodeTree, sliceTree, type TreeEntry } from '../../protocol/tree.ts';

const bytesOf = (list: StartList): Buffer => {
  const bytes = Buffer.alloc(list.length);
  list.copyTo(bytes);
  return bytes;
};

const file = (path: string, content: string): TreeEntry =>
  ({ path, kind: 'file', digest: createHash('sha256').update(content).digest(), size: content.length, group: 0 });

/** Headers that all share, and one source. */
const treeOf = (source: string, headers = 300, changed = -1): Buffer =>
  encodeTree([file(`/home/alice/project/src/${source}`, source), ...Array.from({ length: headers }, (_, index) =>
    file(`/usr/include/c++/14/bits/header-${index}.h`, index === changed ? 'changed' : `${index}`))]);

/** A session in which every list that is written is read. */
const session = () => {
  const [writer, reader] = [new ListWriter(), new ListReader()];
  return (tree: Buffer): { written: WrittenList; payload: Buffer; list: StartList } => {
    const written = writer.write(tree);
    const payload = encodeStart(written, []);
    return { written, payload, list: reader.read(payload, written.fresh) };
  };
};

test('what a session has seen is named, not sent again', (t) => {
  const send = session();
  const [first, second, third] = [treeOf('a.cc'), treeOf('b.cc'), treeOf('b.cc', 300, 150)].map((tree) => ({ tree, ...send(tree) }));
  for (const { tree, list, written } of [first!, second!, third!]) {
    t.deepEqual(bytesOf(list), tree);
    t.is(written.taken, tree.length);
  }
  t.true(first!.payload.length > 15_000);
  t.true(second!.payload.length < 250, `${second!.payload.length} bytes`);
  t.true(third!.payload.length < 250, `${third!.payload.length} bytes`);
  t.is(first!.written.newFiles.length, 301);
  t.is(second!.written.newFiles.length, 1);
});

test('trees of any entries arrive as they were, in any order', (t) => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '.', '-'), minLength: 1, maxLength: 4 }).filter((text) => !/^\.+$/.test(text));
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `/w/${parts.join('/')}.h`);
  const entries = fc.uniqueArray(fc.record({ path, content: fc.constantFrom('x', 'y', 'z'), link: fc.boolean() }), { selector: (entry) => entry.path, maxLength: 30 });
  fc.assert(fc.property(fc.array(entries, { maxLength: 12 }), (trees) => {
    const send = session();
    for (const tree of trees) {
      const encoded = encodeTree(tree.map((entry) => (entry.link ? { path: entry.path, kind: 'link' as const, target: '../x' } : file(entry.path, entry.content))));
      t.deepEqual(bytesOf(send(encoded).list), encoded);
    }
  }), { numRuns: 300 });
});

test('a dictionary that is full begins anew, and never passes its limit', (t) => {
  const send = session();
  let fresh = 0;
  for (let index = 0; index < 60; index++) {
    const tree = encodeTree(Array.from({ length: 400 }, (_, place) => file(`/w/${index}/${place}.h`, `${index} ${place}`)));
    const { list, written } = send(tree);
    if (written.fresh) fresh++;
    t.deepEqual(bytesOf(list), tree.subarray(0, written.taken));
  }
  t.true(fresh >= 1 && fresh < 6, `${fresh}`);
});

test('of a long list the beginning goes with START, in steps that fit the frame', (t) => {
  for (const entries of [
    Array.from({ length: 5000 }, (_, index) => file(`/w/${index}.h`, `${index}`)), Array.from({ length: 20_000 }, (_, index) => ({ path: `/w/${index}`, kind: 'directory' as const })),
  ]) {
    const tree = encodeTree(entries);
    const send = session();
    for (let again = 0; again < 8; again++) {
      const { payload, list, written } = send(tree);
      t.true(payload.length <= limits.startBytes);
      t.deepEqual(bytesOf(list), tree.subarray(0, written.taken));
    }
    t.is(send(tree).written.taken, tree.length);
  }
});

test('slices of a tree are its entries', (t) => {
  const tree = treeOf('a.cc', 3);
  const slices = [...sliceTree(tree)];
  t.deepEqual(Buffer.concat(slices.map(({ start, end }) => tree.subarray(start, end))), tree);
  t.deepEqual(slices.flatMap(({ digest, size }) => (digest === undefined ? [] : [size])), [4, 1, 1, 1]);
});

const literal = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

for (const [title, payload, code, message] of [
  ['that ends in its indexes', hex('0002 00000001'), 'protocol-violation', /ends too early/],
  ['that ends in a step', hex('0000 0000'), 'protocol-violation', /ends too early/],
  ['with a step of no bytes', hex('0000 00000000'), 'protocol-violation', /step without bytes/],
  ['with fewer new bytes than it says', hex('0000 00000002 61'), 'protocol-violation', /step without bytes/],
  ['with a range that has no offset', hex('0000 80000001'), 'protocol-violation', /step without bytes/],
  ['that names bytes beyond the dictionary', hex('0000 00000001 61 80000001 00000001'), 'protocol-violation', /has not seen/],
  ['that names more bytes than there are', hex('0000 00000001 61 80000002 00000000'), 'protocol-violation', /has not seen/],
] as const) {
  test(`a START ${title} is refused`, (t) => {
    t.throws(() => new ListReader().read(payload, false), { instanceOf: WardError, code, message });
  });
}

test('a START that stands for more bytes than a tree may have is refused before memory is taken', (t) => {
  const copies = Buffer.concat(Array.from({ length: 600 }, () => hex('8000fff0 00000000')));
  const payload = Buffer.concat([hex('0000'), literal(randomBytes(65_520)), copies]);
  t.throws(() => new ListReader().read(payload, false), { instanceOf: WardError, code: 'limit-exceeded', message: /more than 33554432 bytes/ });
});

test('a client that fills the dictionary beyond its limit loses the session', (t) => {
  const reader = new ListReader();
  const payload = Buffer.concat([hex('0000'), literal(randomBytes(100_000))]);
  for (let index = 0; index < 5; index++) reader.read(payload, false);
  t.throws(() => reader.read(payload, false), { instanceOf: WardError, code: 'limit-exceeded', message: /lists of a session/ });
  t.notThrows(() => reader.read(payload, true));
});
