/**
 * Compilers that are replaced while an agent lives. Programs below /usr are covered with others, in a mount namespace that ends with the
 * process in it.
 *
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import test from 'ava';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const root = resolve(import.meta.dirname, '../..');

/** What a module prints, as JSON, that may mount. */
const inNamespace = (text: string): unknown =>
  JSON.parse(execFileSync('unshare', ['--mount', process.execPath, '--input-type=module', '-e', text], { cwd: root, encoding: 'utf8' }));

const mount = `import { execFileSync } from 'node:child_process';
const run = (line) => execFileSync('/bin/sh', ['-c', line]);`;

test('a job after the assembler was replaced goes to servers with that assembler', async (t) => {
  const directory = await temporaryDirectory(t);
  const other = join(directory, 'as');
  copyFileSync(realpathSync('/usr/bin/as'), other);
  appendFileSync(other, 'another');
  const [before, same, after] = inNamespace(`${mount}
    const { LocalToolchains } = await import('${root}/client/agent/toolchains.ts');
    const toolchains = new LocalToolchains('${directory}/toolchains');
    const digest = async () => (await toolchains.get('/usr/bin/gcc')).toolchain.digest;
    const digests = [await digest(), await digest()];
    run('mount --bind "${other}" ${realpathSync('/usr/bin/as')}');
    console.log(JSON.stringify([...digests, await digest()]));`) as string[];
  t.is(same, before);
  t.not(after, before);
});

test('clang beside whose installation of gcc another one appears is another compiler', async (t) => {
  const directory = await temporaryDirectory(t);
  const { stderr } = spawnSync('clang', ['-E', '-v', '-x', 'c', '/dev/null'], { encoding: 'utf8' });
  const place = realpathSync(/^Selected GCC installation: (.+)$/m.exec(stderr)?.[1] ?? '');
  const [folder, version] = [dirname(place), basename(place)];
  const next = String(Number(version) + 1);
  const [before, same, after] = inNamespace(`${mount}
    const { describeToolchain } = await import('${root}/toolchain/describe.ts');
    const digest = async () => (await describeToolchain('/usr/bin/clang', { cacheDir: '${directory}/toolchains' })).digest;
    const digests = [await digest(), await digest()];
    // The one that was used stays the same directory.
    run('mkdir -p "${directory}/gcc/${version}" && cp -a "${place}" "${directory}/gcc/${next}" && echo >>"${directory}/gcc/${next}/crtbegin.o"');
    run('mount --bind "${place}" "${directory}/gcc/${version}" && mount --rbind "${directory}/gcc" "${folder}"');
    console.log(JSON.stringify([...digests, await digest()]));`) as string[];
  t.is(same, before);
  t.not(after, before);
});
