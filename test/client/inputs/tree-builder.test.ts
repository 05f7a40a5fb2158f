import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { FileCache } from '../../../client/inputs/file-cache.ts';
import { FileStates } from '../../../client/inputs/file-states.ts';
import { StaysLocal, type InputReason } from '../../../client/inputs/reasons.ts';
import { StageView } from '../../../client/inputs/stage-view.ts';
import { TreeBuilder } from '../../../client/inputs/tree-builder.ts';
import { decodeTree, encodeTree } from '../../../protocol/tree.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const stage = new StageView({
  entries: [{ path: '/usr/bin/gcc', kind: 'link', target: 'gcc-12' }, { path: '/usr/lib/gcc/x/12/cc1', kind: 'file', digest: '', size: 0,
    executable: true }],
  includeDirs: ['/usr/include', '/usr/lib/gcc/x/12/include'],
});

const builder = (): TreeBuilder => new TreeBuilder(new FileCache(), stage, new FileStates());

/** Paths of the tree below `root`, with what they are. */
const shape = (tree: TreeBuilder, root: string): string[] =>
  tree.finish().entries.filter(({ path }) => path.startsWith(`${root}/`)).map((entry) =>
    `${entry.path.slice(root.length + 1)}${entry.kind === 'directory' ? '/' : entry.kind === 'link' ? ` -> ${entry.target}` : ''}`);

const refused = (t: ExecutionContext, run: () => unknown): InputReason | undefined => t.throws(run, { instanceOf: StaysLocal })?.code;

test('every directory on the way is an entry, also one that `..` leaves again', async (t) => {
  const root = await temporaryDirectory(t);
  mkdirSync(join(root, 'a/sub'), { recursive: true });
  writeFileSync(join(root, 'a/x.h'), '');
  const tree = builder();
  const opened = tree.file(`${root}/a/sub/../x.h`);
  t.is(opened?.real, `${root}/a/x.h`);
  t.is(opened?.place, `${root}/a/x.h`);
  t.deepEqual(shape(tree, root), ['a/', 'a/sub/', 'a/x.h']);
  t.notThrows(() => decodeTree(encodeTree(tree.finish().entries)));
});

test('links are entries, and so is everything they lead through', async (t) => {
  const root = await temporaryDirectory(t);
  mkdirSync(join(root, 'real/deep'), { recursive: true });
  writeFileSync(join(root, 'real/deep/x.h'), '');
  symlinkSync('real', join(root, 'one'));
  symlinkSync(join(root, 'one/deep'), join(root, 'two'));
  symlinkSync('../two/x.h', join(root, 'real/link.h'));
  const tree = builder();
  const opened = tree.file(`${root}/one/link.h`);
  t.is(opened?.real, `${root}/real/deep/x.h`);
  t.is(opened?.place, `${root}/real/link.h`);
  t.deepEqual(shape(tree, root), ['one -> real', 'real/', 'real/deep/', 'real/deep/x.h', 'real/link.h -> ../two/x.h',
    `two -> ${root}/one/deep`]);
});

test('`..` behind a link means the parent of where the link leads', async (t) => {
  const root = await temporaryDirectory(t);
  mkdirSync(join(root, 'far/away'), { recursive: true });
  writeFileSync(join(root, 'far/x.h'), 'far');
  writeFileSync(join(root, 'x.h'), 'near');
  symlinkSync('far/away', join(root, 'link'));
  t.is(builder().file(`${root}/link/../x.h`)?.real, `${root}/far/x.h`);
});

test('what was made within a tick of the clock is young, links as well as files, until it has some age', async (t) => {
  const root = await temporaryDirectory(t);
  writeFileSync(join(root, 'x.h'), '');
  await sleep(50);
  symlinkSync('x.h', join(root, 'l.h'));
  const tree = builder();
  tree.file(`${root}/l.h`);
  t.deepEqual(tree.young, [{ path: `${root}/l.h`, target: 'x.h' }]);
  await sleep(50);
  const later = builder();
  later.file(`${root}/l.h`);
  t.deepEqual(later.young, []);
});

test('nothing, a directory, a dangling link and a loop of links are no files', async (t) => {
  const root = await temporaryDirectory(t);
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'f'), '');
  symlinkSync('nowhere', join(root, 'dangling'));
  symlinkSync('loop', join(root, 'loop'));
  for (const path of ['absent', 'absent/x', 'd', 'd/', 'd/.', 'f/x', 'dangling', 'loop', 'loop/x']) t.is(builder().file(`${root}/${path}`),
    undefined, path);
  t.is(builder().directory(`${root}/f`), undefined);
  t.is(builder().directory(`${root}/d/../d//`), `${root}/d`);
  t.is(builder().directory('/'), '/');
});

test('equal contents are in one group if their times agree to the second', async (t) => {
  const root = await temporaryDirectory(t);
  const tree = builder();
  for (const [name, text, second] of [['a', 'same', 5], ['b', 'same', 5.5], ['c', 'same', 7], ['d', 'other', 7]] as const) {
    writeFileSync(join(root, name), text);
    utimesSync(join(root, name), second, second);
    tree.file(join(root, name));
  }
  const { entries, bytes } = tree.finish();
  t.deepEqual(entries.flatMap((entry) => (entry.kind === 'file' ? [entry.group] : [])), [0, 0, 1, 0]);
  t.is(bytes, 17);
});

test('one file under two names cannot be copied faithfully', async (t) => {
  const root = await temporaryDirectory(t);
  writeFileSync(join(root, 'a'), '');
  linkSync(join(root, 'a'), join(root, 'b'));
  const tree = builder();
  t.truthy(tree.file(join(root, 'a')));
  t.truthy(tree.file(join(root, 'a')));
  t.is(refused(t, () => tree.file(join(root, 'b'))), 'input-twice');
});

test('files in system directories belong to the toolchain, except in its include directories', (t) => {
  const tree = builder();
  t.truthy(tree.file('/usr/include/stdio.h'));
  t.truthy(tree.file('/usr/bin/../include/stdlib.h'));
  t.is(refused(t, () => tree.file('/usr/bin/env')), 'system-file');
  t.is(refused(t, () => tree.file('/etc/passwd')), 'system-file');
  t.is(refused(t, () => tree.file('/usr/share/../include/stdio.h')), 'system-file');
  t.is(tree.directory('/usr/share'), '/usr/share');
  t.false(tree.finish().entries.some(({ path }) => path.startsWith('/usr/share') || path.startsWith('/usr/bin')));
});

test('a pipe is an odd input, a device belongs to the system', async (t) => {
  const root = await temporaryDirectory(t);
  execFileSync('mkfifo', [join(root, 'pipe')]);
  t.is(refused(t, () => builder().file(join(root, 'pipe'))), 'odd-input');
  t.is(refused(t, () => builder().file('/dev/null')), 'system-file');
});

test('a link whose target is not UTF-8 stays here', async (t) => {
  const root = await temporaryDirectory(t);
  symlinkSync(Buffer.from([0x61, 0xff]), join(root, 'x.h'));
  t.is(refused(t, () => builder().file(join(root, 'x.h'))), 'non-utf8-path');
});
