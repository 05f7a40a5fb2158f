import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { initAuthority } from '../../../certs/authority.ts';
import { WardError } from '../../../protocol/errors.ts';
import { ResultCache } from '../../../server/store/result-cache.ts';
import { Sealing } from '../../../server/store/sealed-value.ts';
import { openSharedConfig } from '../../../server/store/shared-config.ts';
import { SharedResults } from '../../../server/store/shared-results.ts';
import type { Standing } from '../../../server/store/result-trust.ts';
import { signedRecord } from '../../fixtures/result-record.ts';
import { startRedis } from '../../fixtures/redis.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { freePort } from '../../../ctl/dev/ports.ts';
import { tlsDoorLines } from '../../../ctl/dev/redis.ts';

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const part = (content: Buffer) => ({ digest: sha256(content), size: content.length });
const action = sha256(Buffer.from('action'));
const object = Buffer.from('an object file');
const { record } = signedRecord({ action, stdout: part(Buffer.alloc(0)), stderr: part(Buffer.alloc(0)), outputs: [{ index: 0, mode: 0o644, ...part(object) }] });
const result = { record, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), outputs: [object] };
const farmKey = randomBytes(32);

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  for (let waited = 0; !(await condition()); waited += 10) {
    if (waited > 30_000) throw new Error('it did not happen');
    await pause(10);
  }
};

async function connect(t: ExecutionContext<unknown>, connection: object, key = farmKey): Promise<{ shared: SharedResults; alarms: WardError[] }> {
  const alarms: WardError[] = [];
  const shared = new SharedResults(connection, new Sealing(key), { damaged: (error) => alarms.push(error), connected: () => {} });
  t.teardown(() => shared.close());
  await until(() => shared.connected);
  return { shared, alarms };
}

/** What is found. A look-up may be late on a busy machine: a miss, and it is made again. */
const found = async (shared: SharedResults): Promise<Awaited<ReturnType<SharedResults['find']>>> => {
  let result: Awaited<ReturnType<SharedResults['find']>>;
  await until(async () => (result = await shared.find('lua', action)) !== undefined);
  return result;
};

test('what one server keeps, another finds', async (t) => {
  const { socket } = await startRedis(t);
  const one = await connect(t, { path: socket });
  const two = await connect(t, { path: socket });
  one.shared.keep('lua', action, result);
  t.like(await found(two.shared), { outputs: [object] });
  t.is(await two.shared.find('redis', action), undefined);
});

test('whoever runs the cache sees neither names nor contents', async (t) => {
  const { socket } = await startRedis(t);
  const { shared } = await connect(t, { path: socket });
  shared.keep('lua', action, result);
  const spy = new Redis({ path: socket });
  t.teardown(() => spy.disconnect());
  await until(async () => (await spy.dbsize()) === 1);
  const [name] = await spy.keys('*') as [string];
  t.false(name.includes(action));
  const value = (await spy.getBuffer(name))!;
  t.false(value.includes(object));
  t.false(value.includes(Buffer.from(action)));
});

test('a flipped bit anywhere is a miss and an alarm', async (t) => {
  const { socket } = await startRedis(t);
  const { shared, alarms } = await connect(t, { path: socket });
  shared.keep('lua', action, result);
  const spy = new Redis({ path: socket });
  t.teardown(() => spy.disconnect());
  await until(async () => (await spy.dbsize()) === 1);
  const [name] = await spy.keys('*') as [string];
  const value = (await spy.getBuffer(name))!;
  for (let at = 0; at < value.length; at++) {
    const flipped = Buffer.from(value);
    flipped[at] = flipped[at]! ^ (1 << (at % 8));
    await spy.set(name, flipped);
    // A look-up may also be late on a busy machine: a miss without an alarm. Then it is made again.
    const before = alarms.length;
    await until(async () => {
      t.is(await shared.find('lua', action), undefined);
      return alarms.length > before;
    });
  }
  t.true(alarms.every(({ code }) => code === 'blob-corrupt'));
});

test('a result that was put in another’s place, or sealed with another key, is a miss and an alarm', async (t) => {
  const { socket } = await startRedis(t);
  const { shared, alarms } = await connect(t, { path: socket });
  const sealing = new Sealing(farmKey);
  const spy = new Redis({ path: socket });
  t.teardown(() => spy.disconnect());
  const other = 'f'.repeat(64);
  await spy.set(sealing.name('lua', other), sealing.seal(sealing.name('lua', action), result));
  await until(async () => (await shared.find('lua', other), alarms.length === 1));
  const strange = new Sealing(randomBytes(32));
  await spy.set(sealing.name('lua', action), strange.seal(sealing.name('lua', action), result));
  await until(async () => (await shared.find('lua', action), alarms.length === 2));
  t.deepEqual(alarms.map(({ code }) => code), ['blob-corrupt', 'blob-corrupt']);
});

test('a cache that does not answer holds nobody up, and one that is gone is a miss', async (t) => {
  const { socket, pid } = await startRedis(t);
  const { shared } = await connect(t, { path: socket });
  process.kill(pid, 'SIGSTOP');
  const begun = performance.now();
  t.is(await shared.find('lua', action), undefined);
  t.true(performance.now() - begun < 5_000, 'many times the deadline, and no time-out of anything else');
  process.kill(pid, 'SIGKILL');
  await until(() => !shared.connected);
  t.is(await shared.find('lua', action), undefined);
  t.notThrows(() => shared.keep('lua', action, result));
});

test('a result larger than 4 MiB stays where it is: where servers fetch from each other, its record says where, and else nothing does', async (t) => {
  const { socket } = await startRedis(t);
  const { shared, alarms } = await connect(t, { path: socket });
  const large = { ...result, outputs: [Buffer.alloc(4 * 2 ** 20 + 1)] };
  shared.keep('lua', action, large);
  const spy = new Redis({ path: socket });
  t.teardown(() => spy.disconnect());
  await pause(100);
  t.is(await spy.dbsize(), 0);
  shared.giveAt(7632);
  shared.keep('lua', action, large);
  await until(async () => (await spy.dbsize()) === 1);
  t.deepEqual(await found(shared), { record, port: 7632 });
  const [name] = await spy.keys('*') as [string];
  const value = (await spy.getBuffer(name))!;
  t.true(value.length < 4096);
  t.false(value.includes(Buffer.from(record.server)));
  for (let at = 0; at < value.length; at++) {
    const flipped = Buffer.from(value);
    flipped[at] = flipped[at]! ^ (1 << (at % 8));
    t.throws(() => new Sealing(farmKey).open(name, action, flipped), { instanceOf: WardError, code: 'blob-corrupt', message: /damaged or forged/ });
  }
  t.deepEqual(alarms, []);
});

test('a value of one kind is never opened as the other', (t) => {
  const sealing = new Sealing(farmKey);
  const name = sealing.name('lua', action);
  for (const [value, other] of [[sealing.seal(name, result), 2], [sealing.sealHeld(name, { record, port: 7632 }), 1]] as const) {
    value[0] = other;
    t.throws(() => sealing.open(name, action, value), { instanceOf: WardError, code: 'blob-corrupt', message: /damaged or forged/ });
  }
});

test('a shared result counts only with the signature of a key of today; then the server has it too', async (t) => {
  const { socket } = await startRedis(t);
  const { shared } = await connect(t, { path: socket });
  const damaged: string[] = [];
  const open = async (standing: Standing): Promise<ResultCache> =>
    new ResultCache(join(await temporaryDirectory(t), 'results'), 1e6, { damaged: ({ code }) => damaged.push(code), standing: () => standing }, shared);
  await (await open('good')).keep('lua', result);
  const [second, third, fourth] = [await open('good'), await open('recalled'), await open('forged')];
  await until(async () => (await second.find('lua', action)) !== undefined);
  t.is(await third.find('lua', action), undefined);
  t.deepEqual(damaged, []);
  await until(async () => {
    t.is(await fourth.find('lua', action), undefined);
    return damaged.length > 0;
  });
  t.deepEqual(damaged, ['blob-corrupt']);
  shared.close();
  t.deepEqual((await second.find('lua', action))?.outputs, [object]);
});

test('over TLS, as an account that may get and set and nothing else', async (t) => {
  const directory = await temporaryDirectory(t);
  const authority = await initAuthority(join(directory, 'ca'), { dev: true });
  const server = await authority.issueServer(['localhost', '127.0.0.1']);
  const files = { ca: join(directory, 'ca.pem'), cert: join(directory, 'redis.pem'), key: join(directory, 'redis.key'), password: join(directory, 'password'), farmKey: join(directory, 'farm.key') };
  for (const [file, text] of [[files.ca, authority.caPem], [files.cert, server.chainPem], [files.key, server.keyPem], [files.password, 'secret\n'], [files.farmKey, farmKey.toString('hex')]] as const) {
    writeFileSync(file, text, { mode: 0o600 });
  }
  const port = await freePort();
  await startRedis(t, tlsDoorLines({ port, ...files, accounts: [['build1', 'secret']] }));
  const written = { host: 'localhost', port, ca: files.ca, username: 'build1', passwordFile: files.password, farmKeyFile: files.farmKey };
  const { connection } = openSharedConfig(written);
  const { shared } = await connect(t, connection);
  shared.keep('lua', action, result);
  await until(async () => (await shared.find('lua', action)) !== undefined);
  const account = new Redis({ ...connection, replyMapping: 'legacy', enableReadyCheck: false, disableClientInfo: true });
  t.teardown(() => account.disconnect());
  await t.throwsAsync(account.keys('*'), { message: /^NOPERM/ });
  await t.throwsAsync(account.get('of somebody else'), { message: /^NOPERM/ });
  await t.throwsAsync(account.auth('default', 'secret'), { message: /^WRONGPASS/ });
});

test('secrets that others can read, and connections in the clear, are refused', async (t) => {
  const directory = await temporaryDirectory(t);
  const farmKeyFile = join(directory, 'farm.key');
  writeFileSync(farmKeyFile, farmKey.toString('hex'), { mode: 0o600 });
  const refused = (config: object, message: RegExp): void => {
    t.throws(() => openSharedConfig({ farmKeyFile, ...config }), { instanceOf: WardError, code: 'config-invalid', message });
  };
  t.notThrows(() => openSharedConfig({ farmKeyFile }));
  refused({ host: 'cache.corp.example' }, /without TLS/);
  refused({ farmKeyFile: join(directory, 'absent') }, /does not exist/);
  chmodSync(farmKeyFile, 0o640);
  refused({}, /nobody else can read/);
  chmodSync(farmKeyFile, 0o600);
  writeFileSync(farmKeyFile, 'short');
  refused({}, /64 hexadecimal digits/);
});
