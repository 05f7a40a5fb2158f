import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';

const confine = new URL('../../../server/sandbox/confine.ts', import.meta.url).href;

/** Runs a module that has confined itself; gives what it printed. */
async function confined(source: string): Promise<string> {
  const program = `import { confine } from ${JSON.stringify(confine)};\nconfine();\n${source}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text; });
  await once(child, 'close');
  return said.trimEnd();
}

test('a process that confined itself starts no program, and its threads neither', async (t) => {
  const said = await confined(`
    import { spawnSync } from 'node:child_process';
    import { Worker } from 'node:worker_threads';
    const attempt = "process.getBuiltinModule('node:child_process').spawnSync('/bin/true').error.code";
    console.log(spawnSync('/bin/true').error.code);
    new Worker('console.log("thread", ' + attempt + ')', { eval: true });
  `);
  t.is(said, 'EPERM\nthread EPERM');
});

test('it goes on serving connections and reading files', async (t) => {
  const said = await confined(`
    import { readFile } from 'node:fs/promises';
    import { connect, createServer } from 'node:net';
    const server = createServer((socket) => socket.end('served')).listen(0, '127.0.0.1', async () => {
      for await (const bytes of connect(server.address().port, '127.0.0.1')) console.log(String(bytes), (await readFile('/proc/self/comm', 'utf8')) !== '');
      server.close();
    });
  `);
  t.is(said, 'served true');
});

test('it leaves no core dump, and the kernel shows its memory to nobody of the same user', async (t) => {
  const said = await confined(`
    import { readFileSync, statSync } from 'node:fs';
    const line = (file, pattern) => pattern.exec(readFileSync(file, 'latin1'))[1].replace(/ +/g, ' ').trim();
    console.log(line('/proc/self/limits', /^Max core file size(.*)$/m));
    console.log(line('/proc/self/status', /^(NoNewPrivs:.*)$/m), line('/proc/self/status', /^(Seccomp:.*)$/m));
    console.log(statSync('/proc/self/environ').uid);
  `);
  t.deepEqual(said.replaceAll('\t', ' ').split('\n'), ['0 0 bytes', 'NoNewPrivs: 1 Seccomp: 2', '0']);
});
