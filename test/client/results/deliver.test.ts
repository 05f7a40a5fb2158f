import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { LauncherReply } from '../../../client/agent/types.ts';
import type { CompileCommand } from '../../../client/command/index.ts';
import { deliver, hidesSomething, namesMissingFile } from '../../../client/results/deliver.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

for (const compiler of ['gcc', 'clang']) {
  test(`${compiler}: a complaint about a missing file is known, whoever looked for it`, async (t) => {
    const cwd = await temporaryDirectory(t);
    const complaint = (name: string, text: string): Buffer => {
      writeFileSync(join(cwd, name), text);
      const { status, stderr } = spawnSync(compiler, ['-c', name, '-o', 'out.o'], { cwd, env: { PATH: '/usr/bin', LC_ALL: 'C' } });
      t.not(status, 0, text);
      return stderr;
    };
    for (const [name, text] of [
      ['a.c', '#include "absent.h"\n'], ['b.S', '#include <absent.h>\n'], ['c.S', '.include "absent"\n'], ['d.S', '.incbin "absent"\n'],
      ['e.c', 'asm(".incbin \\"absent\\"");\n'], ['f.c', 'asm(".include \\"absent\\"");\n'],
    ] as const) t.true(namesMissingFile(complaint(name, text)), name);
    t.false(namesMissingFile(complaint('g.c', 'int f(void) { return x; }\n')));
    t.false(namesMissingFile(complaint('h.S', '.nonsense\n')));
  });
}

test('text and colours are shown as they are, other control characters are not', (t) => {
  const hides = (stderr: string): boolean => hidesSomething({ stdout: Buffer.alloc(0), stderr: Buffer.from(stderr) });
  for (const text of ['', 'a warning\n', '\u001b[01;35m\u001b[Kwarning\u001b[m\r\n']) t.false(hides(text));
  for (const text of ['a\fb', '\u0007', '\u0085', '\u001b]0;title\u0007']) t.true(hides(text));
});

for (const [compiler, family] of [['gcc', 'gcc'], ['clang', 'clang']] as const) {
  test(`${compiler}: an earlier output goes when the program that would have written it fails, and stays when the driver starts none`, async (t) => {
    const cwd = await temporaryDirectory(t);
    writeFileSync(join(cwd, 'good.c'), 'int good;\n');
    writeFileSync(join(cwd, 'bad.c'), 'int bad = nothing;\n');
    for (const args of [['bad.c'], ['good.c', '-fsanitize=nonsense'], ['good.c', '-fsanitize=nonsense', '-fdiagnostics-color=always'], ['good.c', '-fvisibility=nonsense']]) {
      const output = join(cwd, 'out.s');
      writeFileSync(output, 'earlier');
      const argv = ['-S', ...args, '-o', 'out.s'];
      const { status, stdout, stderr } = spawnSync(compiler, argv, { cwd, env: { PATH: '/usr/bin', LC_ALL: 'C' } });
      t.not(status, 0);
      const removed: string[] = [];
      const reply = { remove: (path: string) => removed.push(path), stdout: () => {}, stderr: () => {}, done: () => {} } as unknown as LauncherReply;
      const command = { family, argv, language: 'c', outputs: [{ path: 'out.s' }] } as unknown as CompileCommand;
      deliver({ status: { code: status ?? 0, signal: 0 }, outputs: [], stdout, stderr } as unknown as Parameters<typeof deliver>[0], command, reply);
      t.deepEqual(removed, existsSync(output) ? [] : ['out.s'], stderr.toString());
    }
  });
}
