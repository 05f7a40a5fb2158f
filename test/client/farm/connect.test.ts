import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { initAuthority } from '../../../certs/authority.ts';
import { oids } from '../../../certs/oids.ts';
import { WardError } from '../../../protocol/errors.ts';
import { oddCertificate } from '../../certs/tls-pair.ts';
import { testFarm, testJob, type ServerBehaviour, type TestFarm } from './server.ts';

const never = new AbortController().signal;

interface Row {
  title: string;
  server: (farm: TestFarm) => Promise<ServerBehaviour>;
  trust?: (farm: TestFarm) => Promise<object>;
  code: string;
  message: RegExp;
}

const serverNames = [{ kind: 'dns', value: 'localhost' }] as const;
const marker = { kind: 'uri', value: 'wardcc-server:localhost' } as const;

const rows: Row[] = [
  {
    title: 'a server whose certificate comes from another CA is not trusted',
    server: async ({ directory }) => ({
      identity: await (await initAuthority(join(directory, 'other'), { dev: true })).issueServer(['localhost']),
    }),
    code: 'server-untrusted', message: /not issued by a CA that is trusted here/,
  },
  {
    title: 'a server whose certificate has expired is not trusted',
    server: async ({ authority }) => ({ identity: await authority.issueServer(
      ['localhost'], { notBefore: new Date(Date.now() - 90_000), notAfter: new Date(Date.now() - 30_000) },
    ) }),
    code: 'server-untrusted', message: /has expired/,
  },
  {
    title: 'a server whose certificate is for another name is not trusted',
    server: async ({ authority }) => ({ identity: await authority.issueServer(['127.0.0.1']) }),
    code: 'server-untrusted', message: /not for localhost/,
  },
  {
    title: 'a server of the same CA without the marker is not trusted',
    server: async ({ authority }) => ({ identity: oddCertificate(authority, { names: serverNames, usage: [oids.serverAuth] }) }),
    code: 'server-untrusted', message: /not for a compile server/,
  },
  {
    title: 'a user’s certificate does not make a server',
    server: async ({ authority }) => ({ identity: oddCertificate(
      authority, { names: [...serverNames, marker], usage: [oids.clientAuth] },
    ) }),
    code: 'server-untrusted', message: /not for servers/,
  },
  {
    title: 'a revoked server is not trusted',
    server: async ({ authority, directory }) => {
      const identity = await authority.issueServer(['localhost']);
      await authority.revoke(identity.serial);
      writeFileSync(join(directory, 'trust-crl.pem'), await authority.writeCrl());
      return { identity };
    },
    code: 'server-untrusted', message: /was revoked/,
  },
  {
    title: 'an expired revocation list lets no server in',
    server: async ({ authority, directory }) => {
      writeFileSync(
        join(directory, 'trust-crl.pem'),
        await authority.writeCrl({ notBefore: new Date(Date.now() - 90_000), notAfter: new Date(Date.now() - 30_000) }),
      );
      return {};
    },
    code: 'crl-expired', message: /out of date/,
  },
  {
    title: 'a revocation list of another CA is none',
    server: async ({ directory }) => {
      const other = await initAuthority(join(directory, 'other'), { dev: true, name: 'other' });
      writeFileSync(join(directory, 'trust-crl.pem'), await other.writeCrl());
      return {};
    },
    code: 'server-untrusted', message: /no revocation list of it/,
  },
  {
    title: 'a name that is not trusted is not trusted because a certificate has it',
    server: async () => ({}),
    trust: async () => ({ servers: ['build1.test', 'build2.test'] }),
    code: 'server-untrusted', message: /name in trust\.servers \(build1\.test, build2\.test\)/,
  },
  {
    title: 'a server’s refusal is passed on with its code',
    server: async () => ({ welcome: () => new WardError('not-a-committer', 'alice may not commit.', { rule: 'committers' }) }),
    code: 'not-a-committer', message: /^alice may not commit\.$/,
  },
  {
    title: 'a server that closes before the upgrade cannot be reached',
    server: async () => ({
      upgrade: (socket) => {
        socket.destroy();
        return false;
      },
    }),
    code: 'connect-failed', message: /cannot be reached/,
  },
  {
    title: 'a welcome that breaks its schema ends the session',
    server: async () => ({ welcome: (welcome) => ({ ...welcome, slots: -1 }) }),
    code: 'protocol-violation', message: /welcome message is invalid: \/slots/,
  },
];

for (const { title, server, trust, code, message } of rows) {
  test.serial(title, async (t) => {
    const farm = await testFarm(t);
    const started = await farm.start(await server(farm));
    const client = farm.client([started], trust === undefined ? {} : { trust: { ...farm.config([]).trust, ...await trust(farm) } });
    const error = await t.throwsAsync(client.compile(testJob(), never), { instanceOf: WardError, code });
    t.regex(error.message, message);
    t.truthy(error.at);
    t.is(started.probes.length, 0);
    const [status] = await client.hosts({});
    t.true(['resting', 'refused', 'idle', 'connecting'].includes(status!.state));
  });
}

test.serial('a revoked client is refused with the reason', async (t) => {
  const farm = await testFarm(t);
  const { authority, paths } = farm;
  const mallory = await authority.issueUser('mallory');
  writeFileSync(paths.cert, mallory.certPem);
  writeFileSync(paths.key, mallory.keyPem, { mode: 0o600 });
  const identity = await authority.issueServer(['localhost']);
  await authority.revoke(mallory.serial);
  const crl = await authority.writeCrl();
  const server = await farm.start({ identity, crl });
  await t.throwsAsync(
    farm.client([server]).compile(testJob(), never), { instanceOf: WardError, code: 'certificate-revoked', message: /was revoked/ },
  );
});

test.serial('a host that is a trusted name itself must show a certificate for exactly that name', async (t) => {
  const farm = await testFarm(t);
  const server = await farm.start({ identity: await farm.authority.issueServer(['127.0.0.1']) });
  const trust = { ...farm.config([]).trust, servers: ['localhost', '127.0.0.1'] };
  t.is((await farm.client([`127.0.0.1:${server.port}`], { trust }).compile(testJob(), never)).server, server.name);
  await t.throwsAsync(
    farm.client([`localhost:${server.port}`], { trust }).compile(testJob(), never),
    { instanceOf: WardError, code: 'server-untrusted', message: /not for localhost/ },
  );
});

test.serial('no server, no TLS, no WebSocket: each says what is wrong', async (t) => {
  const farm = await testFarm(t);
  const plain = createServer((socket) => socket.end('220 mail.example ESMTP\r\n'));
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  t.teardown(() => plain.close());
  const { port } = plain.address() as AddressInfo;
  await t.throwsAsync(
    farm.client([`127.0.0.1:${port}`]).compile(testJob(), never),
    { instanceOf: WardError, code: 'connect-failed', message: /does not speak TLS|cannot be reached/ },
  );
  const gone = await farm.start();
  const { name } = gone;
  await gone.stop();
  await t.throwsAsync(
    farm.client([name]).compile(testJob(), never),
    { instanceOf: WardError, code: 'connect-failed', message: `The server ${name} cannot be reached: nothing listens there.` },
  );
  await t.throwsAsync(
    farm.client(['absent.invalid']).compile(testJob(), never),
    { instanceOf: WardError, code: 'connect-failed', message: /cannot be reached: its name/ },
  );
  await t.throwsAsync(
    farm.client(['ssh://localhost']).compile(testJob(), never),
    { instanceOf: WardError, code: 'mechanism-not-permitted', message: /over SSH/ },
  );
  const http = await farm.start({
    upgrade: (socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      return false;
    },
  });
  await t.throwsAsync(farm.client([http]).compile(testJob(), never), { instanceOf: WardError, code: 'connect-failed', message: /403/ });
});
