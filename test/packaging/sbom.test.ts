import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const execute = promisify(execFile);
const checkout = resolve(import.meta.dirname, '../..');

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string; readonly optional?: boolean }>>;
}

const lockfile = async (): Promise<Lock> => JSON.parse(await readFile(join(checkout, 'package-lock.json'), 'utf8')) as Lock;

test('npm run sbom names every package with its version (CycloneDX)', async (t) => {
  const { stdout } = await execute('npm', ['run', '--silent', 'sbom'], { cwd: checkout, maxBuffer: 64 * 2 ** 20, env: { ...process.env, npm_config_cache: '/nonexistent', NODE_DISABLE_COMPILE_CACHE: '1' } });
  const bill = JSON.parse(stdout) as { bomFormat: string; components: { name: string; version: string }[] };
  t.is(bill.bomFormat, 'CycloneDX');
  const named = new Set(bill.components.map(({ name, version }) => `${name}@${version}`));
  for (const [path, { version, optional }] of Object.entries((await lockfile()).packages)) {
    if (path === '' || optional === true) continue;
    t.true(named.has(`${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`), path);
  }
});

test('every package of the lockfile is pinned by a SHA-512 of its content, and none says where it was fetched', async (t) => {
  for (const [path, entry] of Object.entries((await lockfile()).packages)) {
    if (path === '') continue;
    t.regex(entry.integrity ?? '', /^sha512-/, path);
    t.false('resolved' in entry, path);
  }
});
