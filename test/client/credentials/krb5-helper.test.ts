import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const helper = pathToFileURL(join(import.meta.dirname, '../../../client/credentials/krb5-helper.ts')).href;

for (const [title, end] of [
  ['is killed while the helper starts', 'process.kill(process.pid, "SIGKILL")'],
  ['is killed after an answer', 'asked.finally(() => process.kill(process.pid, "SIGKILL"))'],
  ['exits by itself', 'asked.finally(() => process.exit(0))'],
] as const) {
  test(`when its agent ${title}, the Kerberos helper ends and leaves no file behind`, async (t) => {
    const directory = await temporaryDirectory(t);
    const place = join(directory, 'tmp');
    mkdirSync(place);
    const agent = join(directory, 'agent.mjs');
    writeFileSync(agent, `import { Krb5Helper } from ${JSON.stringify(helper)};
const helper = new Krb5Helper({ KRB5CCNAME: 'FILE:/nonexistent/cache' });
const asked = helper.look({ service: 'wardcc', host: 'localhost' }).catch(() => {});
${end};
`);
    const child = spawn(process.execPath, [agent], { env: { ...process.env, TMPDIR: place }, stdio: 'ignore' });
    await new Promise((resolve) => child.once('exit', resolve));
    for (let turn = 0; turn < 1200 && readdirSync(place).length > 0; turn++) await pause(50);
    t.deepEqual(readdirSync(place), []);
  });
}
