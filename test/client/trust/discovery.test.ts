import test from 'ava';
import { Discovery } from '../../../client/farm/discovery.ts';
import { WardError } from '../../../protocol/errors.ts';
import { startDns } from '../../fixtures/dns.ts';
import { testFarm, testJob } from '../farm/server.ts';

const never = new AbortController().signal;

test('SRV records of a domain name the servers, at the addresses that the same DNS gives', async (t) => {
  const setup = await testFarm(t);
  const names = ['build1.corp.test', 'build2.corp.test'];
  const servers = await Promise.all(names.map(async (name) => setup.start({ identity: await setup.authority.issueServer([name]) })));
  const dns = await startDns(t, {
    services: names.map((target, index) => ({ domain: 'corp.test', target, port: servers[index]!.port })),
    addresses: Object.fromEntries(names.map((name) => [name, '127.0.0.1'])),
  });
  const client = setup.client([], { domains: ['corp.test'], discovery: { dns: [dns.server] }, trust: { ...setup.config([]).trust, servers: names } });
  const done = new Set<string>();
  for (let job = 0; job < 8; job++) done.add((await client.compile(testJob({}, String(job)), never)).server);
  t.deepEqual([...done].sort(), names.map((name, index) => `${name}:${servers[index]!.port}`));
  t.deepEqual((await client.hosts({})).map(({ name, state }) => [name, state]).sort(), [...done].sort().map((name) => [name, 'connected']));
});

test('a spoofed record that names another genuine host of the company is refused before anything is sent there', async (t) => {
  const setup = await testFarm(t);
  let connections = 0;
  const database = await setup.start({
    identity: await setup.authority.issueServer(['db.corp.test']),
    upgrade: () => {
      connections += 1;
      return false;
    },
  });
  const dns = await startDns(t, {
    services: [{ domain: 'corp.test', target: 'db.corp.test', port: database.port }],
    addresses: { 'db.corp.test': '127.0.0.1' },
  });
  const client = setup.client([], { domains: ['corp.test'], discovery: { dns: [dns.server] }, trust: { ...setup.config([]).trust, servers: ['build1.corp.test'] } });
  const error = await t.throwsAsync(client.compile(testJob(), never), { instanceOf: WardError, code: 'server-untrusted' });
  t.is(
    error.message,
    'DNS names db.corp.test as a server of corp.test, but it is no name in trust.servers: whoever answers for DNS cannot make it one.',
  );
  t.is(connections, 0);
  const [host] = await client.hosts({});
  t.like(host, { name: `db.corp.test:${database.port}`, reason: 'server-untrusted' });
});

test('a spoofed address of a trusted name leads to a host that cannot prove to be it', async (t) => {
  const setup = await testFarm(t);
  const genuine = await setup.start({ identity: await setup.authority.issueServer(['db.corp.test']) });
  const dns = await startDns(t, {
    services: [{ domain: 'corp.test', target: 'build1.corp.test', port: genuine.port }],
    addresses: { 'build1.corp.test': '127.0.0.1' },
  });
  const client = setup.client([], { domains: ['corp.test'], discovery: { dns: [dns.server] }, trust: { ...setup.config([]).trust, servers: ['build1.corp.test', 'db.corp.test'] } });
  const error = await t.throwsAsync(client.compile(testJob(), never), { instanceOf: WardError, code: 'server-untrusted' });
  t.is(error.message, 'The certificate of the server is not for build1.corp.test.');
  t.is(genuine.probes.length, 0);
});

test('a certificate of the same CA that is no compile server\'s is refused under a trusted name', async (t) => {
  const setup = await testFarm(t);
  const user = await setup.authority.issueUser('build1.corp.test');
  const impostor = await setup.start({ identity: user });
  const dns = await startDns(t, { services: [{ domain: 'corp.test', target: 'build1.corp.test', port: impostor.port }], addresses: { 'build1.corp.test': '127.0.0.1' } });
  const client = setup.client([], { domains: ['corp.test'], discovery: { dns: [dns.server] }, trust: { ...setup.config([]).trust, servers: ['build1.corp.test'] } });
  await t.throwsAsync(client.compile(testJob(), never), { instanceOf: WardError, code: 'server-untrusted' });
  t.is(impostor.probes.length, 0);
});

test('only the records of the lowest priority count; what is no host name or port is left out', async (t) => {
  const dns = await startDns(t, { services: [
    { domain: 'corp.test', target: 'one.corp.test', port: 1001, priority: 10 }, { domain: 'corp.test', target: 'Two.corp.test', port: 1002, priority: 10 },
    { domain: 'corp.test', target: 'spare.corp.test', port: 1003, priority: 20 }, { domain: 'corp.test', target: 'zero.corp.test', port: 0, priority: 5 },
  ] });
  const { servers, errors } = await new Discovery().servers(['corp.test', 'CORP.test'], { dns: [dns.server] });
  t.deepEqual(servers.map(({ name }) => name).sort(), ['one.corp.test:1001', 'two.corp.test:1002']);
  t.is(errors.size, 0);
});

test('a domain without records, and DNS that does not answer, say why; what was known stays when DNS is gone', async (t) => {
  const setup = await testFarm(t);
  const dns = await startDns(t, { services: [{ domain: 'corp.test', target: 'build1.corp.test', port: 7632 }] });
  const settings = { dns: [dns.server] };
  const discovery = new Discovery();
  const empty = await discovery.servers(['other.test'], settings);
  t.deepEqual(empty.servers, []);
  t.regex(empty.errors.get('other.test')?.message ?? '', /^DNS names no servers for other\.test \(_wardcc\._tcp\.other\.test\): /);
  t.is((await discovery.servers(['corp.test'], settings)).servers.length, 1);
  dns.stop();
  t.is((await discovery.servers(['corp.test'], settings)).servers.length, 1);
  const begun = performance.now();
  const client = setup.client([], { domains: ['corp.test'], discovery: { dns: ['127.0.0.1:1'] } });
  await t.throwsAsync(client.compile(testJob(), never), { instanceOf: WardError, code: 'no-server', message: /^DNS names no servers for corp\.test/ });
  // Ten times what two questions may take.
  t.true(performance.now() - begun < 30_000);
  t.like((await client.hosts({}))[0], { name: 'srv:corp.test', state: 'resting', reason: 'no-server' });
});

test('a server that is configured beside a domain that says nothing is used', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start();
  const client = setup.client([server], { domains: ['corp.test'], discovery: { dns: ['127.0.0.1:1'] } });
  t.is((await client.compile(testJob(), never)).server, server.name);
});
