import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execute, type Ended } from '../fixtures/command.ts';
import { cleanEnvironment } from '../fixtures/farm.ts';
import { resultKey } from '../fixtures/signed-farm.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const main = join(import.meta.dirname, '../../ctl/main.ts');

const setup = async (t: ExecutionContext) => {
  const directory = await temporaryDirectory(t);
  const wardctl = (...words: string[]): Promise<Ended> =>
    execute([process.execPath, main, 'farm', ...words], { cwd: directory, env: { ...cleanEnvironment(), HOME: directory, WARDCC_CONFIG: join(directory, 'client.jsonc') } });
  const write = (name: string, content: object): void => writeFileSync(join(directory, name), JSON.stringify(content));
  return { directory, wardctl, write };
};

test('a farm file is signed, verified and shown; minisign agrees', async (t) => {
  const { directory, wardctl, write } = await setup(t);
  const made = await wardctl('key', 'farm.key');
  t.is(made.status, 0, made.stderr);
  const publicKey = made.stdout.trim();
  t.is(statSync(join(directory, 'farm.key')).mode & 0o777, 0o600);
  t.is((await wardctl('key', 'farm.key')).status, 1);

  const { line, id } = resultKey();
  write('farm.jsonc', { serial: 4, epoch: 2, servers: [{ name: 'build1.corp.test', resultKeys: [line] }, { name: 'build2.corp.test' }] });
  t.is((await wardctl('sign', 'farm.jsonc', '--key', 'farm.key', '--not-after', '2999-12-31')).stdout, 'farm.jsonc.minisig: serial 4, epoch 2\n');
  const verified = await wardctl('verify', 'farm.jsonc', '--public-key', publicKey);
  t.regex(verified.stdout, /^farm\.jsonc: serial 4, epoch 2, signed by [0-9A-F]{16} \(wardcc farm serial:4 epoch:2 not-after:2999-12-31T00:00:00\.000Z\)\n$/);
  t.regex(execFileSync('minisign', ['-V', '-P', publicKey, '-m', 'farm.jsonc'], { cwd: directory, encoding: 'utf8' }), /verified/);

  write('client.jsonc', { trust: { farm: { file: 'farm.jsonc', publicKey } }, cache: { directory: 'cache' } });
  const shown = await wardctl();
  t.is(shown.status, 0, shown.stderr);
  t.regex(shown.stdout, new RegExp(`build1\\.corp\\.test  ${id}\\n`));
  t.regex(shown.stdout, /build2\.corp\.test  none: its results do not count\n/);
  t.like(JSON.parse((await wardctl('show', '--json')).stdout), { serial: 4, epoch: 2, servers: [{ name: 'build1.corp.test', resultKeys: [id] }, { name: 'build2.corp.test', resultKeys: [] }] });

  writeFileSync(join(directory, 'farm.jsonc'), readFileSync(join(directory, 'farm.jsonc'), 'utf8').replace('build2', 'evil2'));
  for (const words of [['verify', 'farm.jsonc', '--public-key', publicKey], ['show']]) {
    const refused = await wardctl(...words);
    t.is(refused.status, 1);
    t.regex(refused.stderr, /farm\.jsonc\.minisig: the signature is not valid for the file/);
  }
});

test('what is no farm file is not signed; a client that trusts none has none to show', async (t) => {
  const { wardctl, write } = await setup(t);
  await wardctl('key', 'farm.key');
  write('farm.jsonc', { serial: 4, epoch: 2, servers: [] });
  const refused = await wardctl('sign', 'farm.jsonc', '--key', 'farm.key');
  t.is(refused.status, 1);
  t.regex(refused.stderr, /farm\.jsonc:1:[0-9]+: servers must not be empty/);
  write('farm.jsonc', { serial: 4, epoch: 2, servers: [{ name: 'a' }] });
  t.regex((await wardctl('sign', 'farm.jsonc', '--key', 'farm.key', '--not-after', 'soon')).stderr, /--not-after takes a time/);
  t.regex((await wardctl('sign', 'farm.jsonc', '--key', 'farm.jsonc')).stderr, /this is no secret key of minisign/);
  write('client.jsonc', {});
  t.regex((await wardctl()).stderr, /client\.jsonc names no farm file: trust\.farm\./);
});
