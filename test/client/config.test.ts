import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { WardError } from '../../protocol/errors.ts';
import { loadClientConfig, withEnvironment } from '../../client/config.ts';
import { watchConfig } from '../../client/config-watch.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const setup = async (t: ExecutionContext, files: { system?: object; user?: object; named?: string }) => {
  const directory = await temporaryDirectory(t);
  const places = { system: join(directory, 'etc', 'client.jsonc'), home: join(directory, 'home') };
  const user = join(places.home, '.config', 'wardcc', 'client.jsonc');
  mkdirSync(join(directory, 'etc'));
  mkdirSync(join(places.home, '.config', 'wardcc'), { recursive: true });
  if (files.system !== undefined) writeFileSync(places.system, JSON.stringify(files.system));
  if (files.user !== undefined) writeFileSync(user, JSON.stringify(files.user));
  return { directory, places, user };
};

test('without any file there are no servers, and the defaults hold', async (t) => {
  const { places } = await setup(t, {});
  const config = await loadClientConfig({}, places);
  t.like(config, { servers: [], fallback: 'infra', project: 'default', mechanisms: ['krb5', 'cert', 'ssh'], trust: { servers: [] } });
  t.is(config.localSlots, undefined);
  t.is(config.credentials.cert, join(places.home, '.config', 'wardcc', 'cert.pem'));
});

test('the user’s file, or the one WARDCC_CONFIG names, is stronger than the system’s; paths are relative to their file', async (t) => {
  const { directory, places, user } = await setup(t, {
    system: { hosts: ['one'], project: 'site', trust: { ca: 'ca.pem', servers: ['one'] } },
    user: { hosts: ['two', 'local/3'], credentials: { key: '../k.pem' } },
  });
  const config = await loadClientConfig({}, places);
  t.deepEqual(config.servers.map(({ name }) => name), ['two:7632']);
  t.like(config, { project: 'site', localSlots: 3 });
  t.is(config.trust.ca, join(directory, 'etc', 'ca.pem'));
  t.is(config.credentials.key, join(places.home, '.config', 'k.pem'));
  t.is(config.credentials.cert, join(places.home, '.config', 'wardcc', 'cert.pem'));
  t.deepEqual(config.files, [user, places.system]);
  const named = join(directory, 'other.jsonc');
  writeFileSync(named, '{ "hosts": ["three"], // a comment\n }');
  t.deepEqual((await loadClientConfig({ WARDCC_CONFIG: named }, places)).servers.map(({ name }) => name), ['three:7632']);
});

test('what the system locks neither user nor environment changes', async (t) => {
  const { places } = await setup(t, {
    system: { hosts: ['one'], fallback: 'never', trust: { servers: ['one'] }, lock: ['hosts', 'fallback', 'trust', 'project'] },
    user: { hosts: ['two'], fallback: 'always', trust: { servers: ['two'] } },
  });
  const config = withEnvironment(
    await loadClientConfig({}, places), { WARDCC_HOSTS: 'three', WARDCC_FALLBACK: 'always', WARDCC_PROJECT: 'x' },
  );
  t.like(config, { fallback: 'never', project: 'default', trust: { servers: ['one'] } });
  t.deepEqual(config.servers.map(({ name }) => name), ['one:7632']);
});

test('the share of jobs that are compiled twice: none, as the files say, as WARDCC_VERIFY says unless the system locks it', async (t) => {
  const none = await setup(t, {});
  t.is((await loadClientConfig({}, none.places)).verify, 0);
  const { places } = await setup(t, { user: { verify: '1%' } });
  const config = await loadClientConfig({}, places);
  t.is(config.verify, 0.01);
  t.is(withEnvironment(config, { WARDCC_VERIFY: '12.5%' }).verify, 0.125);
  t.throws(() => withEnvironment(config, { WARDCC_VERIFY: '101%' }), {
    instanceOf: WardError, code: 'config-invalid', message: 'WARDCC_VERIFY is "101%"; it can be a share such as 1%.',
  });
  const locked = await setup(t, { system: { verify: '2%', lock: ['verify'] }, user: { verify: '0%' } });
  t.is(withEnvironment(await loadClientConfig({}, locked.places), { WARDCC_VERIFY: '0%' }).verify, 0.02);
  const wrong = await setup(t, { user: { verify: '1' } });
  await t.throwsAsync(loadClientConfig({}, wrong.places), { instanceOf: WardError, code: 'config-invalid', message: /client\.jsonc:1:11: / });
});

test('the environment chooses hosts, fallback and project of a job', async (t) => {
  const { places } = await setup(t, { user: { hosts: ['two'] } });
  const config = await loadClientConfig({}, places);
  t.is(withEnvironment(config, {}), config);
  t.like(withEnvironment(config, { WARDCC_FALLBACK: 'never', WARDCC_PROJECT: 'p' }), { fallback: 'never', project: 'p' });
  const chosen = withEnvironment(config, { WARDCC_HOSTS: 'a b local/2' });
  t.deepEqual(chosen.servers.map(({ name }) => name), ['a:7632', 'b:7632']);
  t.is(chosen.localSlots, 2);
  t.deepEqual(withEnvironment(config, { WARDCC_HOSTS: '' }).servers, []);
  t.throws(
    () => withEnvironment(config, { WARDCC_FALLBACK: 'maybe' }),
    { instanceOf: WardError, code: 'config-invalid', message: 'WARDCC_FALLBACK is "maybe"; it can be never, infra or always.' },
  );
});

test('mistakes are reported with their position', async (t) => {
  const { places, user, directory } = await setup(t, {});
  const row = async (text: string, message: RegExp) => {
    writeFileSync(user, text);
    const error = await t.throwsAsync(loadClientConfig({}, places), { instanceOf: WardError, code: 'config-invalid' });
    t.regex(error.message, message);
  };
  await row('{ "hosts": "one" }', /client\.jsonc:1:12/);
  await row('{ "host": [] }', /client\.jsonc:1:3/);
  await row('{ "fallback": "infra",\n  "fallback": "never" }', /client\.jsonc:2:3/);
  await row('{ "hosts": ["-x"] }', /The host "-x"/);
  await row('{ "lock": ["trust"] }', /only .*etc\/client\.jsonc can lock/);
  const absent = join(directory, 'absent.jsonc');
  await t.throwsAsync(
    loadClientConfig({ WARDCC_CONFIG: absent }, places), {
      instanceOf: WardError, code: 'config-invalid', message: /there is no such file/,
    },
  );
});

test('a changed file is read again; a broken one is reported until it is corrected', async (t) => {
  const { places, user } = await setup(t, { user: { project: 'one' } });
  const source = await watchConfig({}, places, 10);
  t.teardown(() => source.close());
  t.is(source.current().project, 'one');
  const until = async (holds: () => boolean): Promise<void> => {
    for (let tries = 0; !holds() && tries < 3000; tries++) await delay(10);
    t.true(holds());
  };
  writeFileSync(user, '{ "project": "two" }');
  await until(() => source.current().project === 'two');
  writeFileSync(user, '{ "project": 2 }');
  await until(() => {
    try {
      source.current();
      return false;
    } catch (error) {
      return (error as WardError).code === 'config-invalid';
    }
  });
  writeFileSync(user, '{ "project": "three" }');
  await until(() => {
    try {
      return source.current().project === 'three';
    } catch {
      return false;
    }
  });
});
