import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FileCache } from '../../../client/inputs/file-cache.ts';
import type { FileState } from '../../../client/inputs/file-state.ts';
import { FileStates } from '../../../client/inputs/file-states.ts';
import { StaysLocal } from '../../../client/inputs/reasons.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const stateOf = (path: string): FileState => new FileStates().get(path) as FileState;
const minuteAhead = (): number => Date.now() + 60_000;

test('a file is read once while its stamp stays the same', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.h');
  writeFileSync(path, '#include "b.h"\n');
  const cache = new FileCache({ now: minuteAhead });
  const first = cache.get(path, stateOf(path));
  t.is(first.hex, sha256('#include "b.h"\n'));
  t.is(first.size, 15);
  t.deepEqual(first.facts.includes, [{ name: 'b.h', quoted: true }]);
  t.is(cache.get(path, stateOf(path)), first);
  t.is(cache.reads, 1);
});

test('a file that was written, replaced or only had its times set back is read again', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a.h');
  const cache = new FileCache({ now: minuteAhead });
  writeFileSync(path, 'one');
  utimesSync(path, 1, 1);
  cache.get(path, stateOf(path));
  await new Promise((resolve) => setTimeout(resolve, 30));
  writeFileSync(path, 'two');
  utimesSync(path, 1, 1);
  t.is(cache.get(path, stateOf(path)).hex, sha256('two'));
  writeFileSync(join(directory, 'b.h'), 'ten');
  utimesSync(join(directory, 'b.h'), 1, 1);
  renameSync(join(directory, 'b.h'), path);
  t.is(cache.get(path, stateOf(path)).hex, sha256('ten'));
});

test('a file younger than the resolution of the clock is not remembered', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.h');
  writeFileSync(path, 'one');
  const { mtimeMs } = lstatSync(path);
  const cache = new FileCache({ now: () => mtimeMs + 19 });
  cache.get(path, stateOf(path));
  t.is(cache.size, 0);
  const later = new FileCache({ now: () => mtimeMs + 1000 });
  later.get(path, stateOf(path));
  t.is(later.size, 1);
});

test('memory is bounded: the oldest files are forgotten', async (t) => {
  const directory = await temporaryDirectory(t);
  const cache = new FileCache({ now: minuteAhead, maxBytes: 10_000 });
  for (let n = 0; n < 100; n++) {
    const path = join(directory, `${n}.h`);
    writeFileSync(path, `${n}`);
    cache.get(path, stateOf(path));
  }
  t.true(cache.size > 5 && cache.size < 30);
});

test('what is no regular file, or cannot be read, is an odd input', async (t) => {
  const directory = await temporaryDirectory(t);
  const cache = new FileCache();
  mkdirSync(join(directory, 'd'));
  t.is(t.throws(() => cache.get(join(directory, 'd'), stateOf(join(directory, 'd'))), { instanceOf: StaysLocal })?.code, 'odd-input');
  t.is(t.throws(() => cache.get(join(directory, 'absent'), stateOf(directory)), { instanceOf: StaysLocal })?.code, 'odd-input');
  if (process.geteuid?.() !== 0) {
    writeFileSync(join(directory, 'secret'), '');
    chmodSync(join(directory, 'secret'), 0);
    t.is(t.throws(() => cache.get(join(directory, 'secret'), stateOf(join(directory, 'secret'))), { instanceOf: StaysLocal })?.code,
      'odd-input');
  }
});
