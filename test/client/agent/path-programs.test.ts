import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { PathPrograms } from '../../../client/agent/path-programs.ts';
import { monotonicMs } from '../../../client/inputs/file-table.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const toolchain = { digest: 'd', family: 'gcc', pathPrograms: ['as'] } as const;

const foreign = (path: string | undefined, cwd = '/', programs = new PathPrograms()): string | undefined =>
  programs.foreign(toolchain, { path, cwd, since: monotonicMs() });

const layProgram = (directory: string): void => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'as'), '#!/bin/sh\n');
  chmodSync(join(directory, 'as'), 0o755);
};

test('the assembler of /usr/bin is the toolchain\'s, whatever link leads to it', async (t) => {
  const root = await temporaryDirectory(t);
  symlinkSync('/usr/bin/as', join(root, 'as'));
  t.is(foreign('/usr/bin:/bin'), undefined);
  t.is(foreign('/bin'), undefined);
  t.is(foreign(`${root}:/usr/bin`), undefined);
  t.is(foreign(undefined), undefined);
});

test('another assembler that comes first on PATH is foreign; one that cannot run, or comes later, is not', async (t) => {
  const root = await temporaryDirectory(t);
  writeFileSync(join(root, 'as'), '');
  t.is(foreign(`${root}:/usr/bin`), undefined);
  layProgram(join(root, 'bin'));
  t.is(foreign(`${join(root, 'bin')}:/usr/bin`), join(root, 'bin/as'));
  t.is(foreign(`/usr/bin:${join(root, 'bin')}`), undefined);
});

test('directories of PATH that are relative, or empty, are those of the job', async (t) => {
  const root = await temporaryDirectory(t);
  layProgram(join(root, 'bin'));
  const programs = new PathPrograms();
  t.is(foreign('bin:/usr/bin', '/', programs), undefined);
  t.is(foreign('bin:/usr/bin', root, programs), join(root, 'bin/as'));
  t.is(foreign(':/usr/bin', join(root, 'bin'), programs), join(root, 'bin/as'));
  t.is(foreign('/usr/bin:.', join(root, 'bin'), programs), undefined);
});

test('a PATH without an assembler leaves gcc without one, and clang with its own', (t) => {
  t.is(foreign('/nonexistent'), 'as');
  const clang = { ...toolchain, family: 'clang' } as const;
  t.is(new PathPrograms().foreign(clang, { path: '/nonexistent', cwd: '/', since: monotonicMs() }), undefined);
});

test('an assembler that comes, or goes, is noticed by the next job', async (t) => {
  const root = await temporaryDirectory(t);
  const programs = new PathPrograms();
  const path = `${join(root, 'bin')}:/usr/bin`;
  t.is(foreign(path, '/', programs), undefined);
  layProgram(join(root, 'bin'));
  t.is(foreign(path, '/', programs), join(root, 'bin/as'));
  rmSync(join(root, 'bin/as'));
  t.is(foreign(path, '/', programs), undefined);
});
