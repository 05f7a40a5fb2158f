/**
 * A whole farm under its signed farm file: results count under the keys that it lists, and stop counting when it says so, on servers and
 * clients that run all the time.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadFarm } from '../../policy/farm.ts';
import { changingFarm, until } from '../fixtures/changing-farm.ts';
import { farmSigner, publicLine, resultKey, writeSignedFarm } from '../fixtures/signed-farm.ts';

const farm = changingFarm(test, ['--cores', '1']);
const { shared } = farm;
const stranger = resultKey();

const keeperKey = (): string => publicLine(createPublicKey(readFileSync(join(farm.layout.server(1), 'state/keeper/result-key.pub.pem'), 'utf8'))).line;

/** The serial of the farm file that an agent has taken: it remembers that. */
const takenByAgent = (): number => {
  const cache = join(farm.layout.directory, 'cache');
  const [memory] = readdirSync(cache).filter((name) => /^farm-[0-9a-f]+\.json$/.test(name));
  return (JSON.parse(readFileSync(join(cache, memory!), 'utf8')) as { serial: number }).serial;
};

/** Puts a farm file with a higher serial in force, on the server and in the agent. */
const put = async (epoch: number, line: string): Promise<void> => {
  const before = (await farm.events()).length;
  const serial = (await loadFarm(farm.layout.farm)).serial + 1;
  await writeSignedFarm(farm.layout, { serial, epoch, servers: [{ name: '127.0.0.1', resultKeys: [line] }] });
  await farm.event(({ event, message }) => event === 'farm.loaded' && message === `serial ${serial}, epoch ${epoch}`, before);
  await until('the agent has the farm file', () => takenByAgent() === serial);
};

const compile = async (t: ExecutionContext, name: string) => {
  const cwd = await shared.directory('work');
  writeFileSync(join(cwd, `${name}.c`), `int ${name.replaceAll('-', '_')};\n`);
  const { status, stderr } = await shared.run(['wardcc', 'gcc', '-c', `${name}.c`], { cwd });
  t.log(stderr.trim());
  return { status, stderr };
};

test.serial('results of a server that the farm file lists count, fresh and kept', async (t) => {
  t.is((await compile(t, 'fresh')).status, 0);
  const shown = await shared.run(['wardctl', 'farm', '--json'], { cwd: shared.place });
  t.like(JSON.parse(shown.stdout), { epoch: 1, servers: [{ name: '127.0.0.1', resultKeys: [publicLine(createPublicKey({ key: Buffer.from(keeperKey(), 'base64'), format: 'der', type: 'spki' })).id] }] });
  const another = await shared.run(['wardcc', 'gcc', '-c', 'fresh.c'], { cwd: await shared.directory('work'), settings: { WARDCC_CONFIG: join(farm.layout.people, 'bob', 'client.jsonc') } });
  t.is(another.status, 0, another.stderr);
  // From now on there is one agent.
  await farm.forget('bob');
  await shared.counts();
});

test.serial('results under a key that the file does not list are refused, and nothing of them is left', async (t) => {
  await put(1, stranger.line);
  const { status, stderr } = await compile(t, 'unlisted');
  t.is(status, 116);
  t.regex(stderr, /A result of the server 127\.0\.0\.1 is not used: the farm file does not list the key [0-9a-f]{16} for this server\. .*\[result-untrusted\]/);
  await t.throwsAsync(async () => readFileSync(join(await shared.directory('work'), 'unlisted.o')), { code: 'ENOENT' });
});

test.serial('a higher epoch recalls what was made before, on servers and clients that run', async (t) => {
  await put(1, keeperKey());
  t.is((await compile(t, 'recalled')).status, 0);
  await shared.counts();
  t.is((await compile(t, 'recalled')).status, 0);
  t.like((await shared.counts()).jobs, { hit: 1, remote: 0 });
  await put(2, keeperKey());
  t.is((await compile(t, 'recalled')).status, 0);
  t.like((await shared.counts()).jobs, { hit: 0, remote: 1 });
  t.is((await compile(t, 'recalled')).status, 0);
  t.like((await shared.counts()).jobs, { hit: 1, remote: 0 });
});

test.serial('a farm file that another key signed, or that is older or broken, changes nothing on the server, and it says so', async (t) => {
  const good = await loadFarm(farm.layout.farm);
  const servers = [{ name: '127.0.0.1', resultKeys: [keeperKey()] }];
  const refused = async (words: RegExp, change: () => Promise<unknown> | void): Promise<void> => {
    const [before, said] = [(await farm.events()).length, (await farm.said()).length];
    await change();
    const { message } = await farm.event(({ event, message = '' }) => event === 'farm.refused' && words.test(message), before);
    await t.notThrowsAsync(farm.says(`${message} The last good state stays in force.`, said));
  };
  const broken = { serial: good.serial + 1, epoch: 9, servers };
  await refused(/farm\.jsonc\.minisig: the signature is of the key [0-9A-F]{16}, which does not count here/, () => farmSigner().write(farm.layout.farm, broken));
  await refused(/farm\.jsonc\.minisig: the signature is not valid for the file/, async () => {
    // Signed elsewhere: at no time does the file lie there with a signature that is good.
    const elsewhere = join(await shared.directory('elsewhere'), 'farm.jsonc');
    await writeSignedFarm({ ...farm.layout, farm: elsewhere }, broken);
    writeFileSync(farm.layout.farm, JSON.stringify(broken));
    copyFileSync(`${elsewhere}.minisig`, `${farm.layout.farm}.minisig`);
  });
  await refused(/the farm file has serial 1, older than [0-9]+/, () => writeSignedFarm(farm.layout, { ...broken, serial: 1 }));
  await writeSignedFarm(farm.layout, { serial: good.serial + 2, epoch: good.epoch, servers });
  await farm.event(({ event, message }) => event === 'farm.loaded' && message === `serial ${good.serial + 2}, epoch ${good.epoch}`);
});
