import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { oids } from '../../../certs/oids.ts';
import type { Channel } from '../../../protocol/channel.ts';
import { WardError, type ErrorClass, type ErrorCode } from '../../../protocol/errors.ts';
import type { Probe } from '../../../protocol/messages.ts';
import { Store } from '../../../server/store/store.ts';
import { oddCertificate, type Holder } from '../../certs/tls-pair.ts';
import { fetchFrom, peerFarm, resultOf, sha256, type PeerFarm } from './door.ts';

interface Refusal {
  readonly class: ErrorClass;
  readonly code: ErrorCode;
  readonly message: RegExp;
}

const refused = (t: ExecutionContext<unknown>, error: WardError | undefined, expected: Refusal, title = ''): void => {
  t.true(error instanceof WardError, title);
  t.is(error?.class, expected.class, title);
  t.is(error?.code, expected.code, title);
  t.regex(error?.message ?? '', expected.message, title);
};

const until = async (condition: () => boolean): Promise<void> => {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 10_000) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const object = Buffer.alloc(6 * 2 ** 20, 'object ');
const header = Buffer.from('a second output');

test('a server of the farm is let in, and gets the parts that it asks for and no others', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const result = resultOf([object, header]);
  await door.results.keep('lua', result);
  const channel = await farm.connect(door, farm.other);
  const { action } = result.record;
  t.true((await fetchFrom(channel, 'lua', action, [3, 2])).equals(Buffer.concat([header, object])));
  t.is((await fetchFrom(channel, 'lua', action, [1])).toString(), 'warning: large\n');
  t.is((await fetchFrom(channel, 'lua', action, [0])).length, 0);
});

test('who came and what was given is in the log, with name, address and digests', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const result = resultOf([header]);
  await door.results.keep('lua', result);
  const channel = await farm.connect(door, farm.other);
  await fetchFrom(channel, 'lua', result.record.action, [2]);
  t.like(door.events[0], { event: 'peer.allowed', principal: 'peer:build2.test', address: '127.0.0.1' });
  t.deepEqual(door.events[1], { event: 'result.fetched', principal: 'peer:build2.test', address: '127.0.0.1', domain: 'lua', action: result.record.action, outputs: [sha256(header)] });
  t.is(door.events.length, 2);
});

/** Who is no server of the farm, and what is said. */
const strangers: readonly (readonly [string, (farm: PeerFarm) => Promise<Holder> | Holder, Refusal])[] = [
  ['a person, of the CA for people', (farm) => farm.forPeople.issueUser('alice'), { class: 'authentication', code: 'certificate-invalid', message: /^Your certificate was not issued by a CA that this server trusts/ }],
  ['a person, of the CA for servers', (farm) => farm.forServers.issueUser('alice'), { class: 'authentication', code: 'certificate-invalid', message: /^The certificate is not that of a compile server: it lacks a name wardcc-server:HOST\.$/ }],
  ['a server of the CA for people', (farm) => farm.forPeople.issueServer(['build2.test']), { class: 'authentication', code: 'certificate-invalid', message: /^Your certificate was not issued by a CA that this server trusts/ }],
  ['a host of the CA for servers that is no compile server', (farm) => oddCertificate(farm.forServers, { usage: [oids.serverAuth, oids.clientAuth], names: [{ kind: 'dns', value: 'build2.test' }] }), { class: 'authentication', code: 'certificate-invalid', message: /lacks a name wardcc-server:HOST/ }],
  ['a server whose certificate is not for clients', (farm) => oddCertificate(farm.forServers, { usage: [oids.serverAuth], names: [{ kind: 'dns', value: 'build2.test' }, { kind: 'uri', value: 'wardcc-server:build2.test' }] }), { class: 'authentication', code: 'certificate-invalid', message: /not for client authentication/ }],
  ['a client whose certificate is not for servers', (farm) => oddCertificate(farm.forServers, { usage: [oids.clientAuth], names: [{ kind: 'dns', value: 'build2.test' }, { kind: 'uri', value: 'wardcc-server:build2.test' }] }), { class: 'authentication', code: 'certificate-invalid', message: /not for servers/ }],
  ['a server with the marker of another host', (farm) => oddCertificate(farm.forServers, { usage: [oids.serverAuth, oids.clientAuth], names: [{ kind: 'dns', value: 'evil.test' }, { kind: 'uri', value: 'wardcc-server:build2.test' }] }), { class: 'authentication', code: 'certificate-invalid', message: /not for build2\.test/ }],
  ['a server that the farm file does not list', (farm) => farm.forServers.issueServer(['build3.test']), { class: 'authorization', code: 'not-a-peer', message: /^The server build3\.test is not among those that may fetch results here\.$/ }],
];

test('nobody else is: each is told why, with class, code and a sentence', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  for (const [title, make, expected] of strangers) {
    refused(t, await t.throwsAsync(farm.connect(door, await make(farm)), { instanceOf: WardError }, title), expected, title);
  }
  t.is(door.sessions.size, 0);
  t.deepEqual(door.events.map(({ event, principal, reason }) => [event, principal, reason]), [['peer.denied', 'peer:build3.test', 'not-a-peer']], 'only who has proved a name');
});

test('a server whose certificate was revoked is refused, and cut off when it was in', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const stolen = await farm.forServers.issueServer(['build2.test']);
  const channel = await farm.connect(door, stolen);
  await farm.forServers.revoke(stolen.serial, 'keyCompromise');
  writeFileSync(join(farm.directory, 'servers-ca.crl'), await farm.forServers.writeCrl());
  door.authorities.reload();
  door.sessions.judgeAll(() => undefined);
  refused(t, await channel.closed, { class: 'authentication', code: 'certificate-revoked', message: /revoked/ });
  t.like(door.events.at(-1), { event: 'access.ended', principal: 'peer:build2.test', reason: 'certificate-revoked' });
});

test('a server that is taken from the farm file is cut off', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const channel = await farm.connect(door, farm.other);
  door.servers = ['localhost'];
  door.sessions.judgeAll(() => undefined);
  refused(t, await channel.closed, { class: 'authorization', code: 'not-a-peer', message: /^The server build2\.test is not among those any more/ });
});

test('through this door nobody comes by another mechanism, be it with the certificate of a server or of a person', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const holders = [farm.other, await farm.forPeople.issueUser('alice')];
  for (const holder of holders) {
    const error = await t.throwsAsync(farm.connect(door, holder, { mechanism: 'cert' }), { instanceOf: WardError });
    refused(t, error, { class: 'authentication', code: 'mechanism-not-permitted', message: /does not accept mechanism cert here/ });
  }
});

const probe: Probe = {
  type: 'probe', id: '1', project: 'lua', toolchain: 'a'.repeat(64), compiler: '/usr/bin/gcc', language: 'c', argv: ['gcc', '-c', 'a.c'], env: {}, cwd: '/', umask: 0o22,
  outputs: ['/a.o'], tree: 'b'.repeat(64), treeBytes: 1, inputBytes: 1,
};

/** What a server may not do here. */
const misdeeds: readonly (readonly [string, (channel: Channel) => void])[] = [
  ['a job', (channel) => void channel.open(probe)],
  ['a pointer', (channel) => channel.tell({ type: 'pointer', statement: '{}', key: 'a'.repeat(16), signature: `${'A'.repeat(86)}==` })],
  ['a content', (channel) => void channel.sendBlob(createHash('sha256').digest(), Buffer.alloc(0))],
];

test('it runs no job, leaves no pointer and brings no content: who tries is cut off, and the log says so', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  for (const [title, commit] of misdeeds) {
    const channel = await farm.connect(door, farm.other);
    commit(channel);
    refused(t, await channel.closed, { class: 'authorization', code: 'policy-denied', message: /^A server of the farm may fetch results here, and (have nothing done|send nothing)\.$/ }, title);
    await until(() => door.events.at(-1)?.event === 'access.ended');
    t.like(door.events.at(-1), { principal: 'peer:build2.test', reason: 'policy-denied' }, title);
  }
});

test('nothing is given but parts of results that are kept, each in its own domain', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const result = resultOf([header]);
  const { action } = result.record;
  await door.results.keep('lua', result);
  // What a client sent lies on the same disk, under its digest.
  const source = Buffer.from('int secret;\n');
  const store = new Store({ directory: join(farm.directory, 'server-1', 'store'), maxBytes: 2 ** 20 });
  const receiver = store.receive('lua', sha256(source), source.length);
  await receiver.write(source);
  await receiver.finish();
  const channel = await farm.connect(door, farm.other);
  const absent: readonly (readonly [string, string, string, number[], RegExp])[] = [
    ['an action that was never done', 'lua', sha256(Buffer.from('another')), [2], /does not keep the result/],
    ['an input by its digest', 'lua', sha256(source), [2], /does not keep the result/],
    ['an output by its digest', 'lua', sha256(header), [2], /does not keep the result/],
    ['a result of another domain', 'redis', action, [2], /does not keep the result/],
    ['a part that the result does not have', 'lua', action, [3], /has no such part/],
    ['such a part beside another one', 'lua', action, [2, 65], /has no such part/],
  ];
  for (const [title, domain, of, parts, message] of absent) {
    const error = await t.throwsAsync(fetchFrom(channel, domain, of, parts), { instanceOf: WardError }, title);
    refused(t, error, { class: 'infrastructure', code: 'result-absent', message }, title);
    t.deepEqual(door.events.at(-1), { event: 'result.denied', principal: 'peer:build2.test', address: '127.0.0.1', domain, action: of, reason: 'result-absent' }, title);
  }
  t.is((await fetchFrom(channel, 'lua', action, [2])).toString(), header.toString());
  t.is(door.events.filter(({ event }) => event === 'result.fetched').length, 1);
});

test('the name of a domain is cut and cleaned before it gets into the log', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const channel = await farm.connect(door, farm.other);
  await t.throwsAsync(fetchFrom(channel, `\u001b[31m${'d'.repeat(2000)}`, 'a'.repeat(64), [2]), { instanceOf: WardError, code: 'result-absent' });
  t.is(door.events.at(-1)?.domain, `?[31m${'d'.repeat(295)}`);
});

test('without the log nothing is given, and not even said to be absent', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const result = resultOf([header]);
  await door.results.keep('lua', result);
  const channel = await farm.connect(door, farm.other);
  door.logFailure = new WardError('log-unavailable', 'The disk of the log is full.');
  for (const action of [result.record.action, sha256(Buffer.from('another'))]) {
    const error = await t.throwsAsync(fetchFrom(channel, 'lua', action, [2]), { instanceOf: WardError });
    refused(t, error, { class: 'infrastructure', code: 'log-unavailable', message: /^The disk of the log is full\.$/ });
  }
  door.logFailure = undefined;
  t.is((await fetchFrom(channel, 'lua', result.record.action, [2])).toString(), header.toString());
});

test('a request that is none ends the session', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  for (const parts of [[], [66], [-1], [2, 2], [1.5]]) {
    const channel = await farm.connect(door, farm.other);
    channel.fetch({ type: 'fetch', domain: 'lua', action: 'a'.repeat(64), parts }).onReset(() => {});
    refused(t, await channel.closed, { class: 'protocol', code: 'protocol-violation', message: /^A fetch message is invalid: \/parts/ }, JSON.stringify(parts));
  }
});

test('who asks too often is told so, and cut off when that does not help', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open({ rate: { perSecond: 1, burst: 2 } });
  const result = resultOf([header]);
  await door.results.keep('lua', result);
  const channel = await farm.connect(door, farm.other);
  const asked = await Promise.all(Array.from({ length: 5 }, () => fetchFrom(channel, 'lua', result.record.action, [2]).then(() => 'given', (error: WardError) => error.code)));
  t.is(asked.filter((answer) => answer === 'busy').length, 2);
  refused(t, await channel.closed, { class: 'protocol', code: 'limit-exceeded', message: /goes on asking/ });
});

test('what does not fit into memory beside the rest is not read: so many bytes are under way to one server', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const results = [0, 1].map((index) => resultOf([Buffer.alloc(40 * 2 ** 20, `${index}`)], Buffer.alloc(0), sha256(Buffer.from(`action ${index}`))));
  for (const result of results) await door.results.keep('lua', result);
  const channel = await farm.connect(door, farm.other);
  // Nothing is taken of the first one.
  channel.fetch({ type: 'fetch', domain: 'lua', action: results[0]!.record.action, parts: [2] }).onReset(() => {});
  await until(() => door.events.some(({ event }) => event === 'result.fetched'));
  const error = await t.throwsAsync(fetchFrom(channel, 'lua', results[1]!.record.action, [2]), { instanceOf: WardError });
  refused(t, error, { class: 'infrastructure', code: 'busy', message: /no room in memory/ });
  // It has learned that the result is here.
  t.like(door.events.at(-1), { event: 'result.denied', principal: 'peer:build2.test', domain: 'lua', action: results[1]!.record.action, reason: 'busy' });
});

test('a server that takes a result too slowly is given up, and its room in memory is free again', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open({ unread: { fetchMs: 1_000 } });
  const results = [0, 1].map((index) => resultOf([Buffer.alloc(40 * 2 ** 20, `${index}`)], Buffer.alloc(0), sha256(Buffer.from(`action ${index}`))));
  for (const result of results) await door.results.keep('lua', result);
  const channel = await farm.connect(door, farm.other);
  const slow = channel.fetch({ type: 'fetch', domain: 'lua', action: results[0]!.record.action, parts: [2] });
  // A little every now and then: it never stands still for long.
  const drip = setInterval(() => slow.consumed(64 * 1024), 50);
  t.teardown(() => clearInterval(drip));
  const error = await new Promise<WardError>((resolve) => slow.onReset(resolve));
  refused(t, error, { class: 'infrastructure', code: 'job-timeout', message: /^The server does not take the result in time\.$/ });
  // Room is taken for all of a result, whatever is asked for.
  t.is((await fetchFrom(channel, 'lua', results[1]!.record.action, [0])).length, 0);
});
