import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { WardError } from '../../../protocol/errors.ts';
import { decodeTree, encodeTree, type TreeEntry } from '../../../protocol/tree.ts';
import { InputTree } from '../../../server/executor/tree.ts';
import { sha256 } from '../../fixtures/executor.ts';

type Spec = Record<string, string | { link: string } | 'directory/'>;

class Bench {
  readonly directory: string;
  readonly store: string;
  readonly tree: InputTree;

  constructor(t: ExecutionContext) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'wardcc tree ')));
    t.teardown(() => rmSync(this.directory, { recursive: true, force: true }));
    this.store = join(this.directory, 'store');
    mkdirSync(join(this.directory, 'tree'));
    this.tree = new InputTree(join(this.directory, 'tree'));
  }

  entries(spec: Spec, groups: Record<string, number> = {}): TreeEntry[] {
    return decodeTree(
      encodeTree(
        Object.entries(spec).map(([path, what]): TreeEntry => {
          if (what === 'directory/') return { path, kind: 'directory' };
          if (typeof what !== 'string') return { path, kind: 'link', target: what.link };
          const digest = sha256(what);
          const name = digest.toString('hex');
          mkdirSync(join(this.store, name.slice(0, 2)), { recursive: true });
          writeFileSync(join(this.store, name.slice(0, 2), name), what);
          return { path, kind: 'file', digest, size: Buffer.byteLength(what), group: groups[path] ?? 0 };
        }),
      ),
    );
  }

  lay(spec: Spec, groups?: Record<string, number>): void {
    this.tree.lay(this.entries(spec, groups), this.store);
  }

  at(path: string): string {
    return this.tree.root + path;
  }

  /** Everything that is there, as a specification. */
  seen(below = ''): Spec {
    return Object.assign(
      {},
      ...readdirSync(this.at(below === '' ? '/' : below), { withFileTypes: true }).map((entry): Spec => {
        const path = `${below}/${entry.name}`;
        if (entry.isSymbolicLink()) return { [path]: { link: readlinkSync(this.at(path)) } };
        return entry.isDirectory() ? { [path]: 'directory/', ...this.seen(path) } : { [path]: readFileSync(this.at(path), 'utf8') };
      }),
    ) as Spec;
  }
}

const withParents = (spec: Spec): Spec => {
  const all: Spec = { ...spec };
  for (const path of Object.keys(spec))
    for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1)) all[path.slice(0, end)] ??= 'directory/';
  return all;
};

test('the tree has exactly what was given', (t) => {
  const bench = new Bench(t);
  const spec: Spec = { '/a/x.c': 'x', '/a/inc/y.h': 'y', '/a/link': { link: 'inc' }, '/b/empty': 'directory/' };
  bench.lay(spec);
  t.deepEqual(bench.seen(), withParents(spec));
});

test("the next job's tree has nothing of the last one's", (t) => {
  const bench = new Bench(t);
  bench.lay({ '/a/x.c': 'x', '/a/old/y.h': 'y', '/a/link': { link: 'old' }, '/a/kind': 'file' });
  const next: Spec = { '/a/x.c': 'x', '/a/link': { link: 'new' }, '/a/kind/z': 'z', '/c/w': 'w' };
  bench.lay(next);
  t.deepEqual(bench.seen(), withParents(next));
});

test('what is the same in the next job is not laid again', (t) => {
  const bench = new Bench(t);
  bench.lay({ '/a/x.c': 'x', '/a/y.h': 'y' });
  const before = lstatSync(bench.at('/a/x.c')).ino;
  bench.lay({ '/a/x.c': 'x', '/a/z.h': 'z' });
  t.is(lstatSync(bench.at('/a/x.c')).ino, before);
});

test('two paths never share an inode, nor with the store', (t) => {
  const bench = new Bench(t);
  bench.lay({ '/a/x.h': 'same', '/a/y.h': 'same' });
  const [x, y] = ['/a/x.h', '/a/y.h'].map((path) => lstatSync(bench.at(path)));
  t.not(x!.ino, y!.ino);
  t.is(x!.nlink, 1);
  writeFileSync(bench.at('/a/y.h'), 'evil', { mode: 0o644, flush: true });
  t.is(readFileSync(bench.at('/a/x.h'), 'utf8'), 'same');
});

test('files of equal content have equal times exactly where their groups are equal', (t) => {
  const bench = new Bench(t);
  bench.lay({ '/a/x.h': 'same', '/a/y.h': 'same', '/a/z.h': 'same' }, { '/a/y.h': 1 });
  const [x, y, z] = ['/a/x.h', '/a/y.h', '/a/z.h'].map((path) => Math.floor(lstatSync(bench.at(path)).mtimeMs / 1000));
  t.is(x, z);
  t.not(x, y);
  bench.lay({ '/a/x.h': 'same', '/a/y.h': 'same', '/a/z.h': 'same' });
  t.is(lstatSync(bench.at('/a/y.h')).mtimeMs, lstatSync(bench.at('/a/x.h')).mtimeMs);
});

test('a link of the last job is never followed by the laying of the next', (t) => {
  const bench = new Bench(t);
  mkdirSync(join(bench.directory, 'outside'));
  bench.lay({ '/a/sub': { link: '../../outside' } });
  bench.lay({ '/a/sub/x': 'x' });
  t.deepEqual(readdirSync(join(bench.directory, 'outside')), []);
  t.deepEqual(bench.seen(), withParents({ '/a/sub/x': 'x' }));
});

test('a file that the store lacks is an error, and leaves an empty tree', (t) => {
  const bench = new Bench(t);
  const entries = bench.entries({ '/a/x': 'x', '/a/y': 'y' });
  rmSync(bench.store, { recursive: true });
  const error = t.throws(() => bench.tree.lay(entries, bench.store), { instanceOf: WardError });
  t.is(error.code, 'blob-corrupt');
  t.deepEqual(bench.seen(), {});
  t.is(bench.tree.entries.size, 0);
});

test('a content that the store has damaged is never laid out, and is named so that it can be brought again', (t) => {
  const bench = new Bench(t);
  const entries = bench.entries({ '/a/x.h': 'good', '/a/y.h': 'other' });
  const digest = sha256('good').toString('hex');
  for (const damaged of ['evil', 'longer than it was', '']) {
    writeFileSync(join(bench.store, digest.slice(0, 2), digest), damaged);
    const error = t.throws(() => bench.tree.lay(entries, bench.store), { instanceOf: WardError });
    t.is(error.code, 'blob-corrupt');
    t.is(error.at, digest);
    t.deepEqual(bench.seen(), {});
  }
  writeFileSync(join(bench.store, digest.slice(0, 2), digest), 'good');
  t.notThrows(() => bench.tree.lay(entries, bench.store));
});

const start: Spec = withParents({
  '/a/x.c': 'x',
  '/a/y.h': 'y',
  '/a/sub/z.h': 'z',
  '/a/sub/deep/w.h': 'w',
  '/a/link': { link: 'x.c' },
  '/other/o.h': 'o',
});

/** What a job may do where it can write. Each must leave no trace in the next job that has the same inputs. */
const deeds: Record<string, (bench: Bench) => void> = {
  'does nothing': () => {},
  'writes an output': (bench) => writeFileSync(bench.at('/a/x.o'), 'object'),
  'rewrites an input': (bench) => {
    chmodSync(bench.at('/a/x.c'), 0o644);
    writeFileSync(bench.at('/a/x.c'), 'X');
  },
  'replaces an input': (bench) => {
    writeFileSync(bench.at('/a/new'), 'Y');
    renameSync(bench.at('/a/new'), bench.at('/a/y.h'));
  },
  'removes an input': (bench) => unlinkSync(bench.at('/a/sub/z.h')),
  'swaps two inputs': (bench) => {
    renameSync(bench.at('/a/x.c'), bench.at('/a/t'));
    renameSync(bench.at('/a/y.h'), bench.at('/a/x.c'));
    renameSync(bench.at('/a/t'), bench.at('/a/y.h'));
  },
  'adds a header in a directory': (bench) => writeFileSync(bench.at('/a/sub/deep/hidden.h'), 'hidden'),
  'adds a header under a known name elsewhere': (bench) => writeFileSync(bench.at('/a/z.h'), 'z'),
  'makes directories': (bench) => mkdirSync(bench.at('/a/p/q/r'), { recursive: true }),
  'replaces a directory by a file': (bench) => {
    rmSync(bench.at('/a/sub'), { recursive: true });
    writeFileSync(bench.at('/a/sub'), '');
  },
  'replaces a directory by another': (bench) => {
    renameSync(bench.at('/a/sub'), bench.at('/a/old'));
    mkdirSync(bench.at('/a/sub'));
    writeFileSync(bench.at('/a/sub/z.h'), 'Z');
  },
  'replaces a directory by a link out of the tree': (bench) => {
    mkdirSync(join(bench.directory, 'outside/deep'), { recursive: true });
    writeFileSync(join(bench.directory, 'outside/z.h'), 'mine');
    renameSync(bench.at('/a/sub'), bench.at('/a/old'));
    symlinkSync('../../outside', bench.at('/a/sub'));
  },
  'points a link elsewhere': (bench) => {
    unlinkSync(bench.at('/a/link'));
    symlinkSync('y.h', bench.at('/a/link'));
  },
  'makes a hard link': (bench) => linkSync(bench.at('/a/x.c'), bench.at('/a/again')),
  'takes rights away': (bench) => chmodSync(bench.at('/a/x.c'), 0),
  'empties everything': (bench) => {
    for (const name of readdirSync(bench.at('/a'))) rmSync(bench.at(`/a/${name}`), { recursive: true });
  },
};

for (const [name, deed] of Object.entries(deeds)) {
  test(`nothing is left of a job that ${name}`, (t) => {
    const bench = new Bench(t);
    bench.lay(start);
    bench.tree.watch(['/a']);
    deed(bench);
    bench.tree.restore();
    bench.lay(start);
    t.deepEqual(bench.seen(), start);
    if (name.includes('out of the tree')) t.is(readFileSync(join(bench.directory, 'outside/z.h'), 'utf8'), 'mine');
    // And once more: what was mended is watched as well as what was not.
    bench.tree.watch(['/a']);
    deed(bench);
    bench.tree.restore();
    bench.lay({ '/a/x.c': 'x' });
    t.deepEqual(bench.seen(), withParents({ '/a/x.c': 'x' }));
  });
}

test('nothing is left of a job that gives names that are no text, also where they look like the name of an input', (t) => {
  const bench = new Bench(t);
  const spec: Spec = { '/a/\ufffd': 'x', '/a/y.h': 'y' };
  const bytes = (name: string): Buffer => Buffer.concat([Buffer.from(bench.at('/a/')), Buffer.from(name, 'latin1')]);
  bench.lay(spec);
  bench.tree.watch(['/a']);
  writeFileSync(bytes('\xff'), 'x');
  mkdirSync(bytes('\xfe'));
  writeFileSync(bytes('\xfe/\xff'), 'x');
  bench.tree.restore();
  bench.lay(spec);
  t.deepEqual(readdirSync(bench.at('/a'), { encoding: 'buffer' }).map((name) => name.toString('latin1')).sort(), ['y.h', '\xef\xbf\xbd']);
  bench.lay({ '/b': 'directory/' });
  t.deepEqual(bench.seen(), { '/b': 'directory/' });
});

test('a precompiled header under a name by which nobody would have asked for its proof is not laid out, whatever was laid before', (t) => {
  const bench = new Bench(t);
  for (const image of ['gpchC014 and so on', 'CPCH and so on']) {
    for (const before of [{}, { '/a/x.h.gch': image }]) {
      bench.lay(before);
      const error = t.throws(() => bench.lay({ ...before, '/a/x.bin': image }), { instanceOf: WardError });
      t.like(error, { code: 'input-unsigned', class: 'infrastructure', message: 'The input "/a/x.bin" is a precompiled header under another name.' });
      t.deepEqual(bench.seen(), {});
    }
  }
  bench.lay({ '/a/x.bin': ' gpchC014', '/a/y.bin': 'gpc', '/a/empty.bin': '' });
});

test('an input that a job wrote with the same size, at once, is noticed by its time', (t) => {
  const bench = new Bench(t);
  for (let round = 0; round < 50; round++) {
    bench.lay({ '/a/x.c': 'good', '/a/n': String(round) });
    bench.tree.watch(['/a']);
    chmodSync(bench.at('/a/x.c'), 0o644);
    writeFileSync(bench.at('/a/x.c'), 'evil');
    chmodSync(bench.at('/a/x.c'), 0o664);
    bench.tree.restore();
    bench.lay({ '/a/x.c': 'good' });
    t.is(readFileSync(bench.at('/a/x.c'), 'utf8'), 'good');
  }
});

test('what was outside the watched directories is not looked at', (t) => {
  const bench = new Bench(t);
  bench.lay(start);
  bench.tree.watch(['/a/sub']);
  const before = lstatSync(bench.at('/a/x.c')).ino;
  utimesSync(bench.at('/a/x.c'), 1, 1);
  bench.tree.restore();
  bench.lay(start);
  t.is(lstatSync(bench.at('/a/x.c')).ino, before);
});

test("any sequence of jobs leaves exactly the last one's tree", (t) => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
  const spec = fc
    .dictionary(
      path,
      fc.oneof(fc.constantFrom('1', '2'), fc.constantFrom({ link: 'a' }, { link: '../b' }), fc.constant('directory/' as const)),
      { maxKeys: 6 },
    )
    .map((candidates) => {
      const kept: Spec = {};
      for (const [name, what] of Object.entries(candidates).sort(([x], [y]) => x.length - y.length)) {
        const above = Object.entries(kept).some(([other, kind]) => kind !== 'directory/' && name.startsWith(`${other}/`));
        if (!above) Object.assign(kept, withParents({ [name]: what }), { [name]: what });
      }
      return kept;
    });
  const bench = new Bench(t);
  fc.assert(
    fc.property(fc.array(spec, { minLength: 1, maxLength: 4 }), (jobs) => {
      for (const job of jobs) {
        bench.lay(job);
        t.deepEqual(bench.seen(), job);
      }
    }),
    { numRuns: 60 },
  );
});

test("a size that is not the content's is refused, also of a file that lies there already", (t) => {
  const bench = new Bench(t);
  const honest = bench.entries({ '/a/x.c': 'four' });
  const lying = honest.map((entry): TreeEntry => (entry.kind === 'file' ? { ...entry, size: 2 ** 40 } : entry));
  const lie = { instanceOf: WardError, code: 'tree-invalid', message: 'A tree says 1099511627776 bytes of a file that has 4.' };
  t.throws(() => bench.tree.lay(lying, bench.store), lie);
  bench.tree.lay(honest, bench.store);
  t.throws(() => bench.tree.lay(lying, bench.store), lie);
  bench.tree.lay(honest, bench.store);
  t.deepEqual(bench.seen(), { '/a': 'directory/', '/a/x.c': 'four' });
});
