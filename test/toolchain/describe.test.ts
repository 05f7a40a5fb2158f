import { copyFileSync, mkdirSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { WardError } from '../../protocol/errors.ts';
import { canaryJobs, localCanary } from '../../toolchain/canary.ts';
import { describeToolchain, toolchainDigest } from '../../toolchain/describe.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const compilers = ['/usr/bin/gcc', '/usr/bin/g++', '/usr/bin/cc', '/usr/bin/c++', '/usr/bin/clang', '/usr/bin/clang++'];

for (const compiler of compilers) {
  test(`${compiler}: everything lies below /usr, sorted, with a digest of its own`, async (t) => {
    const toolchain = await describeToolchain(compiler);
    t.is(toolchain.name, compiler);
    t.is(toolchain.family, compiler.includes('clang') ? 'clang' : 'gcc');
    t.regex(toolchain.version, /^\d+(\.\d+)*$/);
    t.deepEqual(toolchain.languages, ['c', 'c++']);
    t.true(toolchain.entries.every(({ path }) => path.startsWith('/usr/')));
    t.true(toolchain.entries.every((entry) => entry.kind === 'file' || !entry.target.startsWith('/etc/')));
    const paths = toolchain.entries.map(({ path }) => path);
    t.deepEqual(paths, [...new Set(paths)].sort());
    t.is(toolchain.digest, toolchainDigest(compiler, toolchain.entries));
    const driver = toolchain.entries.find(({ path }) => path === realpathSync(compiler));
    t.true(driver?.kind === 'file' && driver.executable && driver.size > 0);
    t.true(toolchain.includeDirs.includes('/usr/include'));
    t.false(paths.some((path) => toolchain.includeDirs.some((folder) => path.startsWith(`${folder}/`))));
  });
}

test('the path by which a compiler is invoked is part of its name', async (t) => {
  const digests = await Promise.all(compilers.map(async (compiler) => (await describeToolchain(compiler)).digest));
  t.is(new Set(digests).size, compilers.length);
});

test('a link into /etc/alternatives becomes a link to where it comes back', async (t) => {
  const { entries } = await describeToolchain('/usr/bin/cc');
  const link = entries.find(({ path }) => path === '/usr/bin/cc');
  t.true(link?.kind === 'link' && link.target.startsWith('/usr/bin/'));
});

test('the same compiler described twice has the same digest, and a record is used while nothing changed', async (t) => {
  const cacheDir = await temporaryDirectory(t);
  const first = await describeToolchain('/usr/bin/gcc', { cacheDir });
  const again = await describeToolchain('/usr/bin/gcc', { cacheDir });
  t.deepEqual(again, first);
  t.is((await describeToolchain('/usr/bin/gcc')).digest, first.digest);
});

test('a record that is damaged, or whose stamps do not hold, is not believed', async (t) => {
  const cacheDir = await temporaryDirectory(t);
  const { digest } = await describeToolchain('/usr/bin/gcc', { cacheDir });
  const [name] = readdirSync(cacheDir);
  const path = join(cacheDir, name as string);
  const record = JSON.parse(readFileSync(path, 'utf8'));
  record.toolchain.entries[0].path = '/usr/bin/something-else';
  writeFileSync(path, JSON.stringify(record));
  t.is((await describeToolchain('/usr/bin/gcc', { cacheDir })).digest, digest);
  writeFileSync(path, '{"format":1');
  t.is((await describeToolchain('/usr/bin/gcc', { cacheDir })).digest, digest);
  const stale = JSON.parse(readFileSync(path, 'utf8'));
  stale.stamps['/usr/bin/as'] = 'other';
  stale.toolchain.version = '0';
  writeFileSync(path, JSON.stringify(stale));
  t.is((await describeToolchain('/usr/bin/gcc', { cacheDir })).version, JSON.parse(readFileSync(path, 'utf8')).toolchain.version);
  t.not((await describeToolchain('/usr/bin/gcc', { cacheDir })).version, '0');
});

const refuses = async (t: { throwsAsync: (run: () => Promise<unknown>, expected: object) => Promise<unknown> }, path: string,
  message: RegExp): Promise<string> => {
  const error = (await t.throwsAsync(() => describeToolchain(path), { instanceOf: WardError, message })) as WardError;
  return error.code;
};

test('a compiler that does not exist, a script, a wrapper and a compiler outside /usr cannot travel', async (t) => {
  const directory = await temporaryDirectory(t);
  t.is(await refuses(t, '/usr/bin/gcc-does-not-exist', /no compiler at/), 'toolchain-unknown');
  mkdirSync(join(directory, 'bin'));
  writeFileSync(join(directory, 'bin/gcc'), '#!/bin/sh\nexec gcc "$@"\n', { mode: 0o755 });
  t.is(await refuses(t, join(directory, 'bin/gcc'), /not below \/usr/), 'toolchain-unknown');
  copyFileSync('/usr/bin/gcc', join(directory, 'bin/g++'));
  t.is(await refuses(t, join(directory, 'bin/g++'), /not below \/usr/), 'toolchain-unknown');
  t.is(await refuses(t, '/usr/bin/ldd', /script or a wrapper/), 'toolchain-unknown');
  t.is(await refuses(t, '/usr/bin/env', /script or a wrapper/), 'toolchain-unknown');
  symlinkSync(join(directory, 'bin/loop'), join(directory, 'bin/loop'));
  t.is(await refuses(t, join(directory, 'bin/loop'), /out of \/usr/), 'toolchain-unknown');
});

test('the canary of a compiler is always the same and includes nothing', async (t) => {
  const [gcc, again, clang] = await Promise.all([
    describeToolchain('/usr/bin/gcc').then(localCanary), describeToolchain('/usr/bin/g++').then(localCanary),
      describeToolchain('/usr/bin/clang').then(localCanary),
  ]);
  t.is(gcc, again);
  t.not(gcc, clang);
  for (const job of canaryJobs({ name: '/usr/bin/gcc', languages: ['c', 'c++'] }, '/x')) t.notRegex(job.content, /#\s*include/);
});
