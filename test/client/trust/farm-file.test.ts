import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { loadClientConfig, withEnvironment } from '../../../client/config.ts';
import { watchConfig } from '../../../client/config-watch.ts';
import { FarmFile } from '../../../policy/farm-file.ts';
import { makeKey } from '../../../policy/signature/secret-key.ts';
import { WardError } from '../../../protocol/errors.ts';
import { farmSigner, resultKey, type FarmSigner } from '../../fixtures/signed-farm.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

interface Setup {
  readonly places: { system: string; home: string };
  readonly system: string;
  readonly user: string;
  readonly file: string;
  readonly cache: string;
  readonly signer: FarmSigner;
  writeSystem(content: object): void;
  writeUser(content: object): void;
}

const setup = async (t: ExecutionContext): Promise<Setup> => {
  const directory = await temporaryDirectory(t);
  const places = { system: join(directory, 'etc', 'client.jsonc'), home: join(directory, 'home') };
  const user = join(places.home, '.config', 'wardcc', 'client.jsonc');
  for (const place of [join(directory, 'etc'), join(user, '..')]) mkdirSync(place, { recursive: true });
  const write = (file: string) => (content: object): void => writeFileSync(file, JSON.stringify(content));
  const file = join(directory, 'etc', 'farm.jsonc');
  return { places, system: places.system, user, file, cache: join(places.home, '.cache', 'wardcc'), signer: farmSigner(), writeSystem: write(places.system), writeUser: write(user) };
};

const farm = (serial: number, ...names: string[]): object =>
  ({ serial, epoch: 1, servers: names.map((name) => ({ name, resultKeys: [resultKey().line] })) });

const refused = async (t: ExecutionContext, reading: Promise<unknown>, message: RegExp): Promise<void> => {
  const error = await t.throwsAsync(reading, { instanceOf: WardError, code: 'config-invalid' });
  t.regex(error.message, message);
};

test('a signed farm file says which names are trusted, and which servers there are where nothing else does', async (t) => {
  const { places, signer, file, writeSystem, writeUser } = await setup(t);
  signer.write(file, farm(3, 'build1.corp.test', 'build2.corp.test'));
  writeSystem({ trust: { ca: 'ca.pem', farm: { file: 'farm.jsonc', publicKey: signer.publicKey } }, lock: ['trust'] });
  const config = await loadClientConfig({}, places);
  t.deepEqual(config.trust.servers, ['build1.corp.test', 'build2.corp.test']);
  t.deepEqual(config.servers.map(({ name }) => name), ['build1.corp.test:7632', 'build2.corp.test:7632']);
  t.like(config.farm, { serial: 3, epoch: 1, file, trustedComment: 'wardcc farm' });
  t.is(config.farm?.problem, undefined);
  writeUser({ hosts: ['10.0.0.1:9000'] });
  const narrowed = await loadClientConfig({}, places);
  t.deepEqual(narrowed.servers.map(({ name }) => name), ['10.0.0.1:9000']);
  t.deepEqual(narrowed.trust.servers, ['build1.corp.test', 'build2.corp.test']);
});

test('without its signature, with another\'s, or after a change, a farm file says nothing', async (t) => {
  const { places, signer, file, writeSystem } = await setup(t);
  writeSystem({ trust: { farm: { file: 'farm.jsonc', publicKey: signer.publicKey } } });
  await refused(t, loadClientConfig({}, places), /farm\.jsonc: there is no such file/);
  signer.write(file, farm(1, 'a'), { secret: makeKey() });
  await refused(t, loadClientConfig({}, places), /farm\.jsonc\.minisig: the signature is of the key [0-9A-F]{16}, which does not count here/);
  signer.write(file, farm(1, 'a'));
  writeFileSync(file, readFileSync(file, 'utf8').replace('"a"', '"b"'));
  await refused(t, loadClientConfig({}, places), /farm\.jsonc\.minisig: the signature is not valid for the file/);
  rmSync(`${file}.minisig`);
  await refused(t, loadClientConfig({}, places), /farm\.jsonc\.minisig: there is no such file/);
  signer.write(file, farm(1, 'a'), { comment: 'not-after:2020-01-01' });
  await refused(t, loadClientConfig({}, places), /the signature ended at 2020-01-01/);
  signer.write(file, { serial: 1, epoch: 1, servers: [] });
  await refused(t, loadClientConfig({}, places), /farm\.jsonc:[0-9]+:[0-9]+: servers must not be empty/);
  writeSystem({ trust: { farm: { file: 'farm.jsonc', publicKey: 'RWabc' } } });
  await refused(t, loadClientConfig({}, places), /trust\.farm\.publicKey in client\.jsonc: this is no public key of minisign/);
  writeSystem({ trust: { servers: ['a'], farm: { file: 'farm.jsonc', publicKey: signer.publicKey } } });
  await refused(t, loadClientConfig({}, places), /client\.jsonc: trust\.farm says which servers there are, so trust\.servers must not\./);
});

test('while one key replaces another, both count', async (t) => {
  const { places, signer, file, writeSystem } = await setup(t);
  const next = farmSigner();
  writeSystem({ trust: { farm: { file: 'farm.jsonc', publicKey: [signer.publicKey, next.publicKey] } } });
  for (const [serial, by] of [[1, signer], [2, next]] as const) {
    by.write(file, farm(serial, 'a'));
    t.is((await loadClientConfig({}, places)).farm?.serial, serial);
  }
});

test('a serial never goes back, nor does a file change without a higher one; this user remembers it beyond a process', async (t) => {
  const { places, signer, file, cache, writeSystem } = await setup(t);
  writeSystem({ trust: { farm: { file: 'farm.jsonc', publicKey: signer.publicKey } } });
  signer.write(file, farm(5, 'a'));
  await loadClientConfig({}, places);
  signer.write(file, farm(4, 'a'));
  await refused(t, loadClientConfig({}, places), /farm\.jsonc: the farm file has serial 4, older than 5 which was in force here/);
  signer.write(file, farm(5, 'b'));
  await refused(t, loadClientConfig({}, places), /farm\.jsonc: the farm file changed but kept serial 5/);
  signer.write(file, farm(6, 'b'));
  t.is((await loadClientConfig({}, places)).farm?.serial, 6);

  // A memory that cannot be kept on disk is kept in the process.
  rmSync(cache, { recursive: true });
  writeFileSync(cache, 'in its place');
  const farmFile = new FarmFile();
  const written = { file, publicKey: signer.publicKey };
  t.is((await farmFile.load(written, cache)).serial, 6);
  signer.write(file, farm(5, 'b'));
  const { problem, serial } = await farmFile.load(written, cache);
  t.is(serial, 6);
  t.regex(problem ?? '', /has serial 5, older than 6/);
});

test('a file that is broken for a while leaves the last good one in force, for five minutes', async (t) => {
  const { file, cache, signer } = await setup(t);
  const farmFile = new FarmFile();
  const written = { file, publicKey: signer.publicKey };
  const now = Date.now();
  signer.write(file, farm(1, 'a'));
  await farmFile.load(written, cache, now);
  writeFileSync(file, '{ "serial": 2');
  t.like(await farmFile.load(written, cache, now + 1000), { serial: 1, problem: `${file}.minisig: the signature is not valid for the file` });
  t.is((await farmFile.load(written, cache, now + 301_000)).serial, 1);
  await refused(t, farmFile.load(written, cache, now + 301_001), /the signature is not valid/);
  signer.write(file, farm(2, 'b'));
  const { serial, problem } = await farmFile.load(written, cache, now + 400_000);
  t.deepEqual([serial, problem], [2, undefined]);
  // Another key is another trust: the old file does not outlive it.
  writeFileSync(file, 'broken');
  await refused(t, farmFile.load({ ...written, publicKey: farmSigner().publicKey }, cache, now + 400_001), /does not count here/);
});

test('a process that lives on sees a new farm file', async (t) => {
  const { places, signer, file, writeSystem } = await setup(t);
  writeSystem({ trust: { farm: { file: 'farm.jsonc', publicKey: signer.publicKey } } });
  signer.write(file, farm(1, 'a'));
  const source = await watchConfig({}, places, 10);
  t.teardown(() => source.close());
  t.deepEqual(source.current().trust.servers, ['a']);
  signer.write(file, farm(2, 'b'));
  for (let tries = 0; source.current().farm?.serial !== 2 && tries < 3000; tries++) await pause(10);
  t.deepEqual(source.current().trust.servers, ['b']);
});

const hostile = { trust: { ca: '/tmp/evil.pem', servers: ['evil.test'] }, hosts: ['evil.test'], credentials: { cert: '/tmp/evil' }, fallback: 'always' };

test('neither the environment nor the source tree chooses whom to trust or who to be', async (t) => {
  const { places, user, writeUser } = await setup(t);
  writeUser({ hosts: ['build1'], trust: { ca: 'ca.pem', servers: ['build1'] }, credentials: { cert: 'me.pem', key: 'me.key' } });
  const tree = await temporaryDirectory(t);
  for (const name of ['client.jsonc', 'wardcc.jsonc', '.wardcc.jsonc', '.config/wardcc/client.jsonc', '.wardcc/client.jsonc', 'etc/wardcc/client.jsonc']) {
    mkdirSync(join(tree, name, '..'), { recursive: true });
    writeFileSync(join(tree, name), JSON.stringify(hostile));
  }
  const before = process.cwd();
  process.chdir(tree);
  t.teardown(() => process.chdir(before));
  const env = {
    PWD: tree, WARDCC_TRUST: 'evil.test', WARDCC_CA: '/tmp/evil.pem', WARDCC_SERVERS: 'evil.test', WARDCC_CERT: '/tmp/evil', WARDCC_KEY: '/tmp/evil',
    SSL_CERT_FILE: '/tmp/evil.pem', SSL_CERT_DIR: tree, NODE_EXTRA_CA_CERTS: '/tmp/evil.pem', NODE_OPTIONS: '--use-openssl-ca', XDG_CONFIG_HOME: join(tree, '.config'),
    WARDCC_HOSTS: 'evil.test srv:evil.test', WARDCC_FALLBACK: 'never',
  };
  const config = withEnvironment(await loadClientConfig(env, places), env);
  t.like(config, { trust: { ca: join(user, '..', 'ca.pem'), servers: ['build1'] }, credentials: { cert: join(user, '..', 'me.pem') } });
  // Where to connect is for the environment to say; what answers there must still be build1.
  t.deepEqual(config.servers.map(({ name }) => name), ['evil.test:7632']);
});

test('what the system locks neither the user\'s file, nor one that WARDCC_CONFIG names, nor the environment changes', async (t) => {
  const { places, system, signer, file, writeSystem, writeUser } = await setup(t);
  signer.write(file, farm(1, 'build1.corp.test'));
  writeSystem({ trust: { farm: { file: 'farm.jsonc', publicKey: signer.publicKey } }, lock: ['trust', 'credentials', 'hosts', 'discovery', 'fallback', 'mechanisms'] });
  writeUser(hostile);
  const named = join(system, '..', 'named.jsonc');
  writeFileSync(named, JSON.stringify({ ...hostile, discovery: { dns: ['10.6.6.6'] } }));
  for (const env of [{}, { WARDCC_CONFIG: named, WARDCC_HOSTS: 'evil.test srv:evil.test', WARDCC_FALLBACK: 'always', KRB5CCNAME: '/tmp/evil', SSH_AUTH_SOCK: '/tmp/evil' }]) {
    const config = withEnvironment(await loadClientConfig(env, places), env);
    t.deepEqual(config.trust.servers, ['build1.corp.test']);
    t.deepEqual(config.servers.map(({ name }) => name), ['build1.corp.test:7632']);
    t.like(config, { domains: [], fallback: 'infra', environment: {} });
    t.is(config.discovery, undefined);
    t.false(config.credentials.cert.includes('evil'));
  }
});
