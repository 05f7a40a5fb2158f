import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const execute = promisify(execFile);
const wardctl = resolve(import.meta.dirname, '../../dist/bin/wardctl');

test('the line that install-links prints works in a shell, whatever the directory is called', async (t) => {
  for (const name of ['plain', 'with a space', "it's $HOME", '`id`']) {
    const directory = join(await temporaryDirectory(t), name);
    const { stdout } = await execute(wardctl, ['install-links', directory], { env: { PATH: '/usr/bin:/bin' } });
    const [, setting] = /^Use them: (PATH=.*)$/m.exec(stdout) ?? [];
    const { stdout: found } = await execute('/bin/sh', ['-c', `${setting}; command -v gcc`], { env: { PATH: '/usr/bin:/bin' } });
    t.is(found, `${directory}/gcc\n`, setting);
  }
});
