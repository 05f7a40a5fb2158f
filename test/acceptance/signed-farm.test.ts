/**
 * A whole farm under a signed farm file: its results count, and stop counting when the file says so.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { farmLayout } from '../../ctl/dev/layout.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';
import { farmSigner, publicLine, resultKey } from '../fixtures/signed-farm.ts';

const shared = shareFarm(test, ['--cores', '1']);
const signer = farmSigner();
const stranger = resultKey();

const layout = () => farmLayout(join(shared.place, 'farm'));
const keeperKey = (): string => publicLine(createPublicKey(readFileSync(join(layout().server(1), 'state/keeper/result-key.pub.pem'), 'utf8'))).line;
const farmFile = (): string => join(layout().directory, 'signed.jsonc');

let serial = 0;
/** Puts a farm file in force, and has the agent read it. */
const put = async (epoch: number, line: string): Promise<void> => {
  serial += 1;
  signer.write(farmFile(), { serial, epoch, servers: [{ name: 'localhost', resultKeys: [line] }] });
  await pause(1500);
};

const compile = async (t: ExecutionContext, name: string) => {
  const cwd = await shared.directory('work');
  writeFileSync(join(cwd, `${name}.c`), `int ${name.replaceAll('-', '_')};\n`);
  const { status, stderr } = await shared.run(['wardcc', 'gcc', '-c', `${name}.c`], { cwd });
  t.log(stderr.trim());
  return { status, stderr };
};

test.serial('results of a server that the farm file lists count, fresh and kept', async (t) => {
  const client = readFileSync(layout().client, 'utf8');
  const trust = `"farm": { "file": "signed.jsonc", "publicKey": "${signer.publicKey}" }`;
  const changed = client.replace(/"servers": \["localhost"\]/, trust).replace(/"fallback": "infra"/, '"fallback": "never"');
  t.not(changed, client);
  signer.write(farmFile(), { serial: 1, epoch: 1, servers: [{ name: 'localhost', resultKeys: [keeperKey()] }] });
  serial = 1;
  writeFileSync(layout().client, changed);
  t.is((await compile(t, 'fresh')).status, 0);
  const shown = await shared.run(['wardctl', 'farm', '--json'], { cwd: shared.place });
  t.like(JSON.parse(shown.stdout), { serial: 1, epoch: 1 });
  const another = await shared.run(['wardcc', 'gcc', '-c', 'fresh.c'], { cwd: await shared.directory('work'), settings: { WARDCC_CONFIG: join(layout().people, 'bob', 'client.jsonc') } });
  t.is(another.status, 0, another.stderr);
  await shared.counts();
});

test.serial('results under a key that the file does not list are refused, and nothing of them is left', async (t) => {
  await put(1, stranger.line);
  const { status, stderr } = await compile(t, 'unlisted');
  t.is(status, 116);
  t.regex(stderr, /A result of the server localhost is not used: the farm file does not list the key [0-9a-f]{16} for this server\. .*\[result-untrusted\]/);
  await t.throwsAsync(async () => readFileSync(join(await shared.directory('work'), 'unlisted.o')), { code: 'ENOENT' });
});

test.serial('a higher epoch recalls what was made before, on servers and here', async (t) => {
  await put(1, keeperKey());
  t.is((await compile(t, 'recalled')).status, 0);
  await shared.counts();
  t.is((await compile(t, 'recalled')).status, 0);
  t.is((await shared.counts()).jobs.hit, 1);
  await put(2, keeperKey());
  const { status, stderr } = await compile(t, 'recalled');
  t.is(status, 116);
  t.regex(stderr, /it is of epoch 1, and the farm file of epoch 2/);
});
