import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { checkStages } from '../../../server/toolchains/check-stage.ts';
import type { StageIndex } from '../../../server/toolchains/index-file.ts';
import { stageCompilers } from '../../../server/toolchains/registry.ts';
import { sweepStages } from '../../../server/toolchains/stage.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

interface Lab {
  readonly stages: string;
  readonly staged: StageIndex;
  /** Path of the first compiler's file or directory in its stage. */
  at(path: string): string;
  /** Changes something in a directory that nobody may write. */
  within(path: string, change: (path: string) => void): void;
  /** What is found, by compiler. */
  damage(): Promise<Record<string, string>>;
}

const open = async (t: ExecutionContext, compilers: readonly string[] = ['/usr/bin/gcc']): Promise<Lab> => {
  const stages = join(await temporaryDirectory(t), 'stages');
  t.teardown(() => sweepStages(stages, new Set()));
  const { staged } = await stageCompilers(compilers, { stages });
  const at = (path: string): string => join(staged[0]!.root, path);
  return {
    stages, staged, at,
    within: (path, change) => {
      const directory = dirname(at(path));
      chmodSync(directory, 0o755);
      change(at(path));
      chmodSync(directory, 0o555);
    },
    damage: async () => Object.fromEntries((await checkStages(stages, staged)).map(({ name, damage }) => [name, damage])),
  };
};

/** Changes one bit; size, times and mode stay. */
const changeOneBit = (path: string): void => {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  chmodSync(path, 0o755);
  writeFileSync(path, bytes, { flag: 'r+' });
  chmodSync(path, 0o555);
};

const assembler = (root: string): string =>
  readdirSync(join(root, 'usr/bin')).map((name) => `usr/bin/${name}`).find((name) => name.endsWith('-as') && lstatSync(join(root, name)).isFile())!;

test.serial('a stage that nobody touched is what its name stands for', async (t) => {
  const { damage } = await open(t, ['/usr/bin/gcc', '/usr/bin/clang']);
  t.deepEqual(await damage(), {});
});

test.serial('one bit of a program that two toolchains share is found in both, and named', async (t) => {
  const { staged, at, damage } = await open(t, ['/usr/bin/gcc', '/usr/bin/cc']);
  const path = assembler(staged[0]!.root);
  changeOneBit(at(path));
  const sentence = `/${path} has other content than when it was staged`;
  t.deepEqual(await damage(), { '/usr/bin/gcc': sentence, '/usr/bin/cc': sentence });
});

test.serial('a program that another one was put in the place of is found, with the same bytes also', async (t) => {
  const { staged, within, damage } = await open(t);
  const path = assembler(staged[0]!.root);
  within(path, (place) => {
    cpSync(place, `${place}.new`);
    chmodSync(`${place}.new`, 0o555);
    renameSync(`${place}.new`, place);
  });
  t.deepEqual(await damage(), { '/usr/bin/gcc': `/${path} has other content than when it was staged` });
});

test.serial('files and links that were added, removed or led elsewhere are found', async (t) => {
  const lab = await open(t);
  const elsewhere = { '/usr/bin/gcc': 'files were added, removed or put elsewhere' };
  lab.within('usr/include/evil.h', (path) => symlinkSync('/etc/passwd', path));
  t.deepEqual(await lab.damage(), elsewhere);
  lab.within('usr/include/evil.h', (path) => rmSync(path));
  t.deepEqual(await lab.damage(), {});

  lab.within('usr/bin/gcc', (path) => rmSync(path));
  t.deepEqual(await lab.damage(), elsewhere);
  lab.within('usr/bin/gcc', (path) => symlinkSync('/bin/sh', path));
  t.deepEqual(await lab.damage(), elsewhere);
});

test.serial('what may be written, cut off, or cannot be read, is damaged', async (t) => {
  const lab = await open(t);
  const path = assembler(lab.staged[0]!.root);
  chmodSync(lab.at(path), 0o755);
  t.deepEqual(await lab.damage(), { '/usr/bin/gcc': `the mode of /${path} was changed` });
  chmodSync(lab.at(path), 0o555);
  chmodSync(lab.at('usr/bin'), 0o755);
  t.deepEqual(await lab.damage(), { '/usr/bin/gcc': 'the directory /usr/bin can be written' });
  chmodSync(lab.at('usr/bin'), 0o555);
  t.deepEqual(await lab.damage(), {});

  chmodSync(lab.at(path), 0o755);
  truncateSync(lab.at(path), statSync(lab.at(path)).size - 1);
  t.deepEqual(await lab.damage(), { '/usr/bin/gcc': `the mode of /${path} was changed (and 1 more)` });

  const gone = lab.staged.map((one) => ({ ...one, root: `${one.root}.gone` }));
  const [found] = await checkStages(lab.stages, gone);
  t.regex(found?.damage ?? '', /^ENOENT: no such file or directory/);
  mkdirSync(`${lab.staged[0]!.root}.empty`);
  const empty = await checkStages(lab.stages, lab.staged.map((one) => ({ ...one, root: `${one.root}.empty` })));
  t.deepEqual(empty.map(({ damage }) => damage), ['files were added, removed or put elsewhere']);
});
