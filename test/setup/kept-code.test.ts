import { join, resolve } from 'node:path';
import test from 'ava';
import { execute } from '../fixtures/command.ts';

const agent = join(resolve(import.meta.dirname, '../..'), 'dist/bin/wardcc-agent');

test('the code that the build has kept is the one that an agent runs: nothing of it is compiled again', async (t) => {
  const { status, stderr } = await execute([agent, '--only-load'], { cwd: '/', env: { ...process.env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' } });
  t.is(status, 0, stderr);
  const said = stderr.split('\n');
  const accepted = said.filter((line) => /V8 code cache for .* was accepted/.test(line));
  t.true(accepted.some((line) => line.includes('/client/agent/start.js')), stderr.slice(0, 2000));
  t.true(accepted.length > 200, String(accepted.length));
  t.deepEqual(said.filter((line) => /V8 code cache for .* was rejected/.test(line)), []);
});
