import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import test from 'ava';
import { run } from '../../setup/demo/run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const root = resolve(import.meta.dirname, '../..');

/** Runs shell code with the set-up's functions at hand and some programs replaced. */
const shell = async (directory: string, code: string, programs: Readonly<Record<string, string>> = {}) => {
  const bin = join(directory, 'bin');
  await mkdir(bin, { recursive: true });
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const script = `set -eu; root=$1; . "$1/setup/lib.sh"; . "$1/setup/packages.sh"; . "$1/setup/build.sh"; ${code}`;
  return run(['sh', '-c', script, 'sh', root], { cwd: directory, env: { PATH: `${bin}:${process.env['PATH']}` } });
};

test('an ordinary user is told the apt-get line for what is missing, and nothing is done', async (t) => {
  const { status, stdout, stderr } = await shell(await temporaryDirectory(t), 'ensure_packages base', {
    'dpkg-query': 'case "$*" in *bubblewrap*|*libkrb5-dev*) exit 1 ;; *) printf installed ;; esac',
    id: 'echo 1000',
    'apt-get': 'echo apt-get was run',
  });
  t.is(status, 1);
  t.is(stdout, '');
  t.regex(stderr, /^ {2}apt-get install --no-install-recommends bubblewrap libkrb5-dev$/m);
});

test('nothing is said or done when all packages are there', async (t) => {
  const { status, stdout, stderr } = await shell(await temporaryDirectory(t), 'ensure_packages all', { 'dpkg-query': 'printf installed', 'apt-get': 'echo apt-get was run' });
  t.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

test('a package that was removed but left its configuration is missing', async (t) => {
  const { stderr } = await shell(await temporaryDirectory(t), 'ensure_packages base', { 'dpkg-query': 'printf config-files', id: 'echo 1000' });
  t.regex(stderr, /apt-get install .*bubblewrap/);
});

test('npm\'s additions to PATH are taken out, so that npm does not run under a Node it is about to replace', async (t) => {
  const { stdout } = await shell(await temporaryDirectory(t), 'PATH="/a b/node_modules/.bin:/usr/bin:/x/node_modules/npm/bin/node-gyp-bin::/bin"; without_npm_path; echo "$PATH"');
  t.is(stdout.trim(), '/usr/bin:/bin:/usr/sbin:/sbin');
});

test('a fingerprint changes with a name and with a content, and not with a time', async (t) => {
  const directory = await temporaryDirectory(t);
  const { stdout } = await shell(directory, `
    mkdir 'a b'; echo 1 >'a b/x'; fingerprint 'a b'
    touch -d 2001-01-01 'a b/x'; fingerprint 'a b'
    mv 'a b/x' 'a b/y'; fingerprint 'a b'
    echo 2 >'a b/y'; fingerprint 'a b'`);
  const [first, later, renamed, changed] = stdout.trim().split('\n');
  t.is(first, later);
  t.is(new Set([first, renamed, changed]).size, 3);
});

test('a step is skipped only for exactly the inputs it was done for', async (t) => {
  const { stdout } = await shell(await temporaryDirectory(t), 'mkdir .cache; stamp s one; stamped s one && echo yes; stamped s two || echo no; stamped t one || echo no');
  t.is(stdout, 'yes\nno\nno\n');
});

test('a step that fails shows the end of what it said, and its log', async (t) => {
  const { status, stderr } = await shell(await temporaryDirectory(t), 'mkdir -p .cache/log; quietly step sh -c "echo the reason; exit 3"; echo not reached');
  t.is(status, 1);
  t.regex(stderr, /the reason\nwardcc: that failed: see \.cache\/log\/step\.log/);
});
