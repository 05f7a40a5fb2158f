import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { foreignProgram } from '../../toolchain/path-programs.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const toolchain = { digest: 'd', pathPrograms: ['as'] };

test('the assembler of /usr/bin is the toolchain\'s, whatever link leads to it', async (t) => {
  const root = await temporaryDirectory(t);
  symlinkSync('/usr/bin/as', join(root, 'as'));
  t.is(foreignProgram(toolchain, '/usr/bin:/bin'), undefined);
  t.is(foreignProgram(toolchain, '/bin'), undefined);
  t.is(foreignProgram(toolchain, `${root}:/usr/bin`), undefined);
  t.is(foreignProgram(toolchain, '/nonexistent'), undefined);
});

test('another assembler that comes first on PATH is foreign; one that cannot run, or comes later, is not', async (t) => {
  const root = await temporaryDirectory(t);
  writeFileSync(join(root, 'as'), '');
  t.is(foreignProgram(toolchain, `${root}:/usr/bin`), undefined);
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'bin/as'), '#!/bin/sh\n');
  chmodSync(join(root, 'bin/as'), 0o755);
  t.is(foreignProgram(toolchain, `${join(root, 'bin')}:/usr/bin`), join(root, 'bin/as'));
  t.is(foreignProgram(toolchain, `/usr/bin:${join(root, 'bin')}`), undefined);
});
