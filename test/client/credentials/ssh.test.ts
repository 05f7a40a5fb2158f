import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import type { WardError } from '../../../protocol/errors.ts';
import { sshCredentialKey, watchSshCredential } from '../../../client/credentials/ssh.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const lookMs = 20;

const until = async (condition: () => boolean): Promise<void> => {
  for (let attempt = 0; attempt < 1500 && !condition(); attempt += 1) await pause(lookMs);
};

test('a key that is replaced is told, one that is removed ends the watch', async (t) => {
  const identity = join(await temporaryDirectory(t), 'key');
  writeFileSync(identity, 'one');
  const [removed, replaced]: [WardError[], number[]] = [[], []];
  t.teardown(watchSshCredential({ identity, agent: '/nonexistent' }, { removed: (reason) => removed.push(reason), replaced: () => replaced.push(1) }, lookMs));
  await pause(5 * lookMs);
  t.deepEqual([removed, replaced], [[], []]);
  writeFileSync(`${identity}.new`, 'another');
  renameSync(`${identity}.new`, identity);
  await until(() => replaced.length === 1);
  t.deepEqual([removed, replaced], [[], [1]]);
  // Renamed, so that no look finds it half written.
  writeFileSync(`${identity}-cert.pub.new`, 'a certificate');
  renameSync(`${identity}-cert.pub.new`, `${identity}-cert.pub`);
  await until(() => replaced.length === 2);
  t.deepEqual([removed, replaced], [[], [1, 1]]);
  rmSync(identity);
  await until(() => removed.length > 0);
  await pause(10 * lookMs);
  t.deepEqual(removed.map(({ code, message }) => [code, message]), [['credential-missing', `The SSH key ${identity} is gone.`]]);
});

test('an agent whose socket goes takes its sessions along', async (t) => {
  const agent = join(await temporaryDirectory(t), 'agent.sock');
  writeFileSync(agent, '');
  const { promise, resolve } = Promise.withResolvers<WardError>();
  t.teardown(watchSshCredential({ agent }, { removed: resolve, replaced: () => t.fail() }, lookMs));
  await pause(3 * lookMs);
  rmSync(agent);
  t.is((await promise).message, `The ssh-agent at ${agent} is gone.`);
});

test('where ssh finds its key by itself there is nothing to watch', (t) => {
  watchSshCredential({}, { removed: () => t.fail(), replaced: () => t.fail() }, lookMs)();
  t.pass();
});

test('credentials are told apart by key, and by agent where there is no key', (t) => {
  t.is(sshCredentialKey({ identity: '/key', agent: '/a' }), sshCredentialKey({ identity: '/key', agent: '/b' }));
  t.not(sshCredentialKey({ agent: '/a' }), sshCredentialKey({ agent: '/b' }));
  t.not(sshCredentialKey({ identity: '/a' }), sshCredentialKey({ agent: '/a' }));
});
