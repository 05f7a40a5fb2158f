import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { FarmHolder } from '../../../server/front/farm-holder.ts';
import { farmSigner, resultKey } from '../../fixtures/signed-farm.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const minute = 60_000;

test('the last good farm file counts for an hour while the one on disk is broken; then no other server does, and its epoch stays', async (t) => {
  const state = await temporaryDirectory(t);
  mkdirSync(join(state, 'front'));
  const [signer, file] = [farmSigner(), join(state, 'farm.jsonc')];
  const servers = [{ name: 'build1.corp.test', resultKeys: [resultKey().line] }];
  signer.write(file, { serial: 1, epoch: 4, servers });
  let now = 0;
  const holder = await FarmHolder.load({ farm: { file, publicKey: signer.publicKey }, state }, async () => {}, () => now);
  t.deepEqual([...holder.current!.servers.keys()], ['build1.corp.test']);

  appendFileSync(file, ' ');
  const refused = await t.throwsAsync(holder.reload(), { instanceOf: WardError, code: 'config-invalid' });
  t.regex(refused.message, /the signature is not valid for the file/);
  now = 59 * minute;
  await t.throwsAsync(holder.reload(), { code: 'config-invalid' });
  t.is(holder.current!.servers.size, 1);
  now = 61 * minute;
  t.is(holder.current!.servers.size, 0);
  t.is(holder.current!.epoch, 4);

  signer.write(file, { serial: 2, epoch: 5, servers });
  await holder.reload();
  t.is(holder.current!.servers.size, 1);
  t.is(holder.current!.epoch, 5);
});

test('a server whose configuration names no farm file knows none', async (t) => {
  const holder = await FarmHolder.load({ farm: undefined, state: await temporaryDirectory(t) }, async () => t.fail());
  t.is(holder.current, undefined);
});
