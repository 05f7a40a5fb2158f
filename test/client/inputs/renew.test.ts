import { appendFileSync, linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { collectInputs, InputsMemory } from '../../../client/inputs/collect.ts';
import type { Scanner } from '../../../client/inputs/scanner/scan.ts';
import type { SearchPath } from '../../../client/inputs/search-path.ts';
import type { Inputs } from '../../../client/inputs/types.ts';
import { describeToolchain } from '../../../toolchain/describe.ts';
import { commandOf } from './copy.ts';

class Counted extends InputsMemory {
  scans = 0;

  override scanner(search: SearchPath): Scanner {
    this.scans += 1;
    return super.scanner(search);
  }
}

const toolchain = describeToolchain('/usr/bin/gcc');
let second = 1_500_000_000;

/** A file whose times say that it is old; each time it is written they are others. */
const put = (path: string, text: string): void => {
  writeFileSync(path, text);
  utimesSync(path, second, second);
  second += 1;
};

interface Project {
  readonly root: string;
  readonly memory: Counted;
  collect(memory?: InputsMemory): Promise<Inputs>;
  /** The answer is the one that somebody gives who knows nothing yet. Returns how often something was scanned. */
  again(): Promise<number>;
}

const project = async (t: ExecutionContext, files: Readonly<Record<string, string>>, optionsIn = (_root: string): readonly string[] => []): Promise<Project> => {
  // Only plain names can be moved to the common checkout.
  const root = mkdtempSync(join(tmpdir(), 'wardcc-renew-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'inc'));
  for (const [path, text] of Object.entries(files)) put(join(root, path), text);
  const memory = new Counted();
  const collect = async (by: InputsMemory = memory): Promise<Inputs> =>
    collectInputs(await commandOf(['/usr/bin/gcc', '-Iinc', ...optionsIn(root), '-c', 'main.c', '-o', 'main.o'], root), await toolchain, { memory: by });
  // What was just written is read again each time, and nothing is remembered of it.
  await new Promise((resolve) => setTimeout(resolve, 30));
  t.is((await collect()).reason, undefined);
  memory.scans = 0;
  return {
    root, memory, collect,
    again: async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      const before = memory.scans;
      const [known, fresh] = [await collect(), await collect(new InputsMemory())];
      t.deepEqual([known.reason, known.digest, known.bytes], [fresh.reason, fresh.digest, fresh.bytes]);
      return memory.scans - before;
    },
  };
};

const plain = { 'main.c': '#include "a.h"\n#include <b.h>\n', 'inc/a.h': '#include "c.h"\nint a;\n', 'inc/b.h': 'int b;\n', 'inc/c.h': 'int c;\n' };

test('after edits of sources and headers nothing is scanned again, and the tree has the new contents', async (t) => {
  const { root, memory, collect, again } = await project(t, plain);
  put(join(root, 'inc/c.h'), 'long long c;\n');
  t.is(await again(), 0);
  put(join(root, 'main.c'), `${plain['main.c']}int main(void) { return 0; }\n`);
  put(join(root, 'inc/a.h'), '// Why.\n#include "c.h"\nint a;\n');
  t.is(await again(), 0);
  const inputs = await collect();
  t.is(memory.scans, 0);
  for (const entry of inputs.entries) {
    if (entry.kind !== 'file' || !entry.path.startsWith(root)) continue;
    t.is(inputs.fileWith(entry.digest), entry.path);
    t.is(readFileSync(entry.path).length, entry.size);
  }
  t.true(inputs.unchanged(Infinity));
  appendFileSync(join(root, 'inc/b.h'), 'int more;\n');
  t.false(inputs.unchanged(Infinity));
});

test('many edits of one file, and back again, need no scan', async (t) => {
  const { root, again } = await project(t, plain);
  for (const text of ['int b, b1;\n', 'int b, b1, b2;\n', 'int b;\n', 'int b, b1;\n']) {
    put(join(root, 'inc/b.h'), text);
    t.is(await again(), 0);
  }
});

test('a file that another one took the place of, as editors do, needs no scan', async (t) => {
  const { root, again } = await project(t, plain);
  put(join(root, 'inc/b.h~'), 'int other;\n');
  renameSync(join(root, 'inc/b.h~'), join(root, 'inc/b.h'));
  t.is(await again(), 0);
});

test('a file that was only touched needs no scan', async (t) => {
  const { root, again } = await project(t, plain);
  utimesSync(join(root, 'inc/a.h'), 1_600_000_000, 1_600_000_000);
  t.is(await again(), 0);
});

/** A header that only a macro names. */
const named = { ...plain, 'main.c': '#include "b.h"\n#define H "a.h"\n#include H\n' };

test('where a macro names a header, edits that do not define it need no scan', async (t) => {
  const { root, again } = await project(t, named);
  put(join(root, 'inc/c.h'), 'long c;\n#define OTHER "b.h"\n');
  put(join(root, 'inc/b.h'), 'int b; /* H */\n');
  t.is(await again(), 0);
});

type Change = (root: string) => void;
const scanned: readonly (readonly [string, Readonly<Record<string, string>>, Change])[] = [
  ['a header includes another one', plain, (root) => put(join(root, 'inc/a.h'), '#include "c.h"\n#include "b.h"\n')],
  ['a header asks for another one', plain, (root) => put(join(root, 'inc/a.h'), '#include "c.h"\n#if __has_include("d.h")\n#endif\n')],
  ['a header includes nothing any more', plain, (root) => put(join(root, 'inc/a.h'), 'int a;\n')],
  ['a header comes before another one', plain, (root) => put(join(root, 'a.h'), 'int shadow;\n')],
  ['a header has the content of another one', plain, (root) => put(join(root, 'inc/b.h'), plain['inc/c.h'])],
  ['a header is a link', plain, (root) => {
    rmSync(join(root, 'inc/b.h'));
    symlinkSync('c.h', join(root, 'inc/b.h'));
  }],
  ['a macro that names a header has got another definition', named, (root) => put(join(root, 'inc/b.h'), '#define H "c.h"\n')],
  ['a macro that names a header has lost a definition', named, (root) => put(join(root, 'main.c'), '#include "b.h"\n#include H\n')],
  ['contents that were the same are not any more', { ...plain, 'inc/b.h': plain['inc/c.h'] }, (root) => put(join(root, 'inc/b.h'), 'int b;\n')],
];

for (const [what, files, change] of scanned) {
  test(`it takes a scan to tell where ${what}`, async (t) => {
    const { root, again } = await project(t, files);
    change(root);
    t.true(await again() > 0);
  });
}

test('a file that has become another name of a file of the tree keeps the command here', async (t) => {
  const { root, collect } = await project(t, plain);
  rmSync(join(root, 'inc/b.h'));
  linkSync(join(root, 'inc/c.h'), join(root, 'inc/b.h'));
  await new Promise((resolve) => setTimeout(resolve, 30));
  t.is((await collect()).reason?.code, 'input-twice');
});

test('an edit that makes a file depend on the time keeps the command here', async (t) => {
  const { root, collect } = await project(t, plain);
  put(join(root, 'inc/b.h'), 'const char *b = __DATE__;\n');
  await new Promise((resolve) => setTimeout(resolve, 30));
  t.is((await collect()).reason?.code, 'time-macro');
});

test('an edit that is too young to be told from the next is scanned each time', async (t) => {
  const { root, again } = await project(t, plain);
  const tomorrow = Date.now() / 1000 + 86_400;
  for (const text of ['int b1;\n', 'int b2;\n', 'int b3;\n']) {
    writeFileSync(join(root, 'inc/b.h'), text);
    utimesSync(join(root, 'inc/b.h'), tomorrow, tomorrow);
    t.true(await again() > 0);
  }
});

test('where the tree lies in the common checkout, edits are made there', async (t) => {
  const { root, collect, again } = await project(t, plain, (place) => [`-ffile-prefix-map=${place}=.`]);
  const before = await collect();
  t.is(before.checkout, root);
  put(join(root, 'inc/b.h'), 'int moved;\n');
  t.is(await again(), 0);
  const after = await collect();
  t.is(after.checkout, before.checkout);
  t.not(after.digest, before.digest);
});
