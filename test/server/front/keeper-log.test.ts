import { generateKeyPairSync } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import type { Probe } from '../../../protocol/messages.ts';
import type { Decision, DecisionRequest, Policy } from '../../../policy/types.ts';
import { KeeperLog } from '../../../server/front/keeper-log.ts';
import { IpcPeer } from '../../../server/ipc/peer.ts';
import type { JobSession } from '../../../server/jobs/services.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const digest = 'a'.repeat(64);
const probe: Probe = {
  type: 'probe', id: 'a', project: 'lua', toolchain: digest, compiler: '/usr/bin/gcc', language: 'c', argv: ['/usr/bin/gcc', '-c', 'a.c'], env: {},
  cwd: '/w', umask: 0o022, outputs: ['/w/a.o'], tree: digest, treeBytes: 10, inputBytes: 10,
};
const request = { action: 'compile', principal: { mechanism: 'cert', name: 'alice' }, committer: 'alice', isCommitter: true } as DecisionRequest;
const decision = { verdict: 'allow', rule: 'r', position: 'p:1:1', sentence: 'Yes.', domain: 'project:lua', cache: 'domain' } as Decision;
const session = { principal: 'cert:alice', fingerprint: digest, address: '127.0.0.1' } as JobSession;
const policy = { serial: 1, digest, committers: { revision: 'r' } } as unknown as Policy;

test('decisions wait for a keeper that is behind only in a number that it bears; then the server is busy', async (t) => {
  const path = join(await temporaryDirectory(t), 's');
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const server = createServer(resolve);
  await new Promise<void>((done) => server.listen(path, done));
  const socket = connect(path);
  // A keeper whose disk has stopped: it hears everything and answers no append until then.
  const disk = Promise.withResolvers<void>();
  const keeper = new IpcPeer(await promise, { name: 'front' });
  t.teardown(() => {
    socket.destroy();
    keeper.close();
    server.close();
  });
  const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
  let refusals = 0;
  keeper.onRequest(async ({ type }) => {
    if (type === 'redaction-key') return { json: { key: digest } };
    if (type === 'result-key') return { json: { epoch: 1, pem } };
    if (type === 'refused') refusals++;
    await disk.promise;
    return { json: { seq: 1 } };
  });
  const log = new KeeperLog(() => ({ server: 's', policy }), () => 'gcc');
  log.connect(new IpcPeer(socket, { name: 'keeper' }));
  await log.connected;

  const waiting = Array.from({ length: 2048 }, () => log.decided(request, decision, session, probe));
  const error = await t.throwsAsync(log.decided(request, decision, session, probe), { instanceOf: WardError });
  t.is((error as WardError).code, 'busy');
  log.refusedEarly('192.0.2.1', 'too many connections');
  disk.resolve();
  t.deepEqual(new Set(await Promise.all(waiting)), new Set([1]));
  t.is(refusals, 0);
  t.is(await log.decided(request, decision, session, probe), 1);
});
