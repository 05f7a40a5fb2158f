import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { execute } from '../fixtures/command.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What node is started with by bin/wardcc-agent. */
const agentOptions = (): string[] => /^exec "\$node" (.*) "\$dist/m.exec(readFileSync(join(repository, 'bin/wardcc-agent'), 'utf8'))![1]!.split(' ');

test('the code that the build has kept is the one that an agent runs: nothing of it is compiled again', async (t) => {
  const load = `
    require('node:module').enableCompileCache({ directory: 'dist/code-cache', portable: true });
    import(${JSON.stringify(join(repository, 'dist/client/agent/start.js'))}).then(() => process.kill(process.pid, 'SIGKILL'));`;
  const { stderr } = await execute([process.execPath, ...agentOptions(), '-e', load], { cwd: repository, env: { ...process.env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' } });
  const said = stderr.split('\n');
  const accepted = said.filter((line) => /V8 code cache for .* was accepted/.test(line));
  t.true(accepted.some((line) => line.includes('/client/agent/start.js')), stderr.slice(0, 2000));
  t.true(accepted.length > 200, String(accepted.length));
  t.deepEqual(said.filter((line) => /V8 code cache for .* was rejected/.test(line)), []);
});
