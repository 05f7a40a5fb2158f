/**
 * Tickets that end, clocks that differ, and a KDC that does not answer.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { initAuthority } from '../../certs/authority.ts';
import { WardError } from '../../protocol/errors.ts';
import { answerWith, canary, testJob, toolchain } from '../client/farm/server.ts';
import { getTicket, realmEnvironment, startRealm, type TestRealm } from '../fixtures/realm.ts';
import { clientOf, makeKeytab, makePerson, refusalOf, startService, type ServiceOptions, type TestService } from './service.ts';
import { initiate, knock, target, wellBehaved } from './raw-client.ts';

const execute = promisify(execFile);
const timestamp = '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC';
const toolchains = [{ digest: toolchain, canary, name: '/usr/bin/gcc' }];

const until = async (condition: () => boolean, ms = 30_000): Promise<void> => {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await pause(20);
  }
};

interface Scene {
  readonly realm: TestRealm;
  readonly server: TestService;
}

const open = async (t: ExecutionContext<unknown>, clockSkew = 300, options: Partial<ServiceOptions> = {}): Promise<Scene> => {
  const realm = await startRealm(t, { clockSkew });
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  return { realm, server: await startService(t, { keytab: await makeKeytab(realm), toolchains, ...options }) };
};

const renew = async (realm: TestRealm, cache: string, lifetime: string): Promise<void> => {
  await getTicket(realm, 'alice', 'a password', cache.slice('FILE:'.length), lifetime);
};

test.serial('clocks: a token that is older than the server allows, and a ticket that ended on its way', async (t) => {
  const { realm, server } = await open(t, 2);
  const [old, short] = [await initiate(await makePerson(realm, 'alice')), await initiate(await makePerson(realm, 'bob', '6s'))];
  await pause(9000);
  const said = async (one: typeof old): Promise<[string, string]> => {
    const { code, message } = await knock(server.port, target(realm), wellBehaved(one)) as WardError;
    return [code, message];
  };
  t.deepEqual(await said(old), ['ticket-invalid', 'The clocks of client and server differ by more than Kerberos allows: correct them.']);
  t.deepEqual(await said(short), ['credential-expired', 'The ticket has expired: run kinit.']);
});

test.serial('a session ends with its ticket, on both sides, and says when', async (t) => {
  const { realm, server } = await open(t);
  const cache = await makePerson(realm, 'alice', '8s');
  const farm = clientOf(t, realm, server, cache);
  const { expires } = await farm.whoami({});
  await until(() => server.opened[0]?.ended === true, 40_000);
  // Both sides look once a second: ten times what that may take.
  t.true(Date.now() >= expires - 50 && Date.now() < expires + 25_000, `${Date.now() - expires} ms after its end`);
  const [code, message] = await refusalOf(t, farm);
  t.is(code, 'credential-expired');
  t.regex(message, new RegExp(`^The Kerberos ticket of alice@WARDCC\\.TEST ended at ${timestamp}: run kinit\\.$`));
});

test.serial('kdestroy ends the sessions, and the jobs in them', async (t) => {
  const { realm, server } = await open(t, 300, { job: (stream) => stream.send({ type: 'offer', leaseMs: 50_000, speed: 1 }) });
  const cache = await makePerson(realm, 'alice');
  const farm = clientOf(t, realm, server, cache);
  await farm.whoami({});
  const job = farm.compile(testJob(), new AbortController().signal, { canary });
  job.catch(() => {});
  await until(() => server.opened.length === 1);
  await execute('kdestroy', ['-c', cache], { env: realmEnvironment(realm) });
  await until(() => server.opened[0]!.ended, 30_000);
  const { code } = await t.throwsAsync(job, { instanceOf: WardError }) as WardError;
  t.is(code, 'credential-missing');
  t.is((await refusalOf(t, farm))[0], 'credential-missing');
});

test.serial('somebody else\'s ticket in the same cache is another session', async (t) => {
  const { realm, server } = await open(t);
  const cache = await makePerson(realm, 'alice');
  const farm = clientOf(t, realm, server, cache);
  t.like(await farm.whoami({}), { committer: 'alice' });
  copyFileSync((await makePerson(realm, 'bob')).slice('FILE:'.length), cache.slice('FILE:'.length));
  await until(() => server.opened[0]!.ended, 30_000);
  t.like(await farm.whoami({}), { committer: 'bob' });
});

test.serial('a ticket that runs out under a job, with a renewed cache: the job goes over the successor and is not lost', async (t) => {
  const jobs: number[] = [];
  const { realm, server } = await open(t, 300, {
    job: (stream, _probe, session) => {
      jobs.push(server.opened.indexOf(session));
      if (jobs.length > 1) return answerWith(Buffer.from('object'))(stream);
      // The first one outlives its ticket.
      stream.send({ type: 'offer', leaseMs: 50_000, speed: 1 });
      stream.onData((chunk) => stream.consumed(chunk.length));
    },
  });
  const cache = await makePerson(realm, 'alice', '12s');
  const farm = clientOf(t, realm, server, cache);
  const running = farm.compile(testJob(), new AbortController().signal, { canary });
  running.catch(() => {});
  await until(() => jobs.length === 1);
  await renew(realm, cache, '1h');
  await until(() => server.opened.length === 2);
  t.false(server.opened[0]!.ended, 'the old connection lives as long as its job and its ticket');
  const { outputs } = await running;
  t.is(outputs[0]!.content.toString(), 'object');
  t.deepEqual(jobs, [0, 1]);
  t.true(server.opened[0]!.ended);
  t.is(server.opened.length, 2);
});

test.serial('a KDC that is down or silent: an error within 5 seconds, or the next mechanism that is permitted', async (t) => {
  const realm = await startRealm(t);
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  const authority = await initAuthority(join(realm.directory, 'ca'), { dev: true });
  const place = (name: string): string => join(realm.directory, name);
  const [people, host] = [await authority.issueUser('alice'), await authority.issueServer(['localhost'])];
  const files = {
    'ca.pem': authority.caPem, 'crl.pem': await authority.writeCrl(), 'cert.pem': people.certPem, 'key.pem': people.keyPem,
    'host.pem': host.certPem, 'host.key': host.keyPem,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(place(name), text, { mode: 0o600 });
  const identities = [
    { id: 'realm', mechanism: 'krb5', realms: { 'WARDCC.TEST': '{user}' } },
    { id: 'cert', principal: 'cert:{user}', committer: '{user}' },
  ];
  const server = await startService(t, {
    keytab: await makeKeytab(realm), mechanisms: ['krb5', 'cert'], identities, tls: { cert: place('host.pem'), key: place('host.key') },
    people: { clientCa: place('ca.pem'), crl: place('crl.pem'), anchors: [{ id: 'ca', uri: ['wardcc-user:'] }] },
  });
  const cache = await makePerson(realm, 'alice');
  const trust = { ca: place('ca.pem'), crl: place('crl.pem'), servers: ['localhost'] };
  const credentials = { cert: place('cert.pem'), key: place('key.pem') };
  const both = { trust, credentials, mechanisms: ['krb5', 'cert'] } as const;
  const timed = async <T>(action: () => Promise<T>): Promise<[T, number]> => {
    const begun = performance.now();
    return [await action(), performance.now() - begun];
  };

  process.kill(realm.kdc, 'SIGKILL');
  const [down, downMs] = await timed(() => refusalOf(t, clientOf(t, realm, server, cache)));
  t.is(down[0], 'kdc-unreachable');
  t.is(down[1], 'No Kerberos server (KDC) can be reached: Cannot contact any KDC for realm \'WARDCC.TEST\'.');
  t.true(downMs < 30_000, `${downMs} ms`);
  t.like(await clientOf(t, realm, server, cache, both).whoami({}), { mechanism: 'cert', committer: 'alice' });

  const open = new Set<Socket>();
  const silent = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => silent.listen(realm.port, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of open) socket.destroy();
    silent.close();
  });
  const waiting = timed(() => refusalOf(t, clientOf(t, realm, server, cache)));
  await until(() => open.size > 0);
  const [other, otherMs] = await timed(() => clientOf(t, realm, server, cache, { ...both, mechanisms: ['cert'] }).whoami({}));
  t.is(other.mechanism, 'cert');
  t.true(otherMs < 2500, `who needs no ticket does not wait: ${otherMs} ms`);
  const [quiet, quietMs] = await waiting;
  t.deepEqual(quiet, ['kdc-unreachable', 'No Kerberos server (KDC) answered within 3 seconds.']);
  // Ten times the three seconds.
  t.true(quietMs < 30_000, `${quietMs} ms`);
  t.like(await clientOf(t, realm, server, cache, both).whoami({}), { mechanism: 'cert', committer: 'alice' });
});
