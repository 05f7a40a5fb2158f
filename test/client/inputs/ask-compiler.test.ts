import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { runCompiler } from '../../../client/inputs/ask-compiler.ts';
import { StaysLocal } from '../../../client/inputs/reasons.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('a compiler that says too much is ended, and nobody waits for what it has left behind', async (t) => {
  const directory = await temporaryDirectory(t);
  const compiler = join(directory, 'cc');
  writeFileSync(compiler, '#!/bin/sh\nsleep 20 &\nexec yes\n', { mode: 0o755 });
  const answer = runCompiler({ compiler, cwd: directory, env: {}, source: 'a.c' }, []).catch((error: unknown) => error);
  const error = await Promise.race([answer, delay(10_000)]);
  t.true(error instanceof StaysLocal);
  t.is((error as StaysLocal).code, 'too-many-inputs');
  t.is((error as StaysLocal).message, 'The command reads more files than may be sent.');
});
