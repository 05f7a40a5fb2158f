import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../../ctl/dev/ports.ts';
import type { WardError } from '../../../protocol/errors.ts';
import { peerTimes } from '../../../server/peers/peer-link.ts';
import type { KeptResult } from '../../../server/store/result-cache.ts';
import { peerFarm, resultOf, sha256, type Door } from './door.ts';

const object = Buffer.alloc(6 * 2 ** 20, 'object ');
const header = Buffer.from('a second output');
const nothingHere = (): Promise<undefined> => Promise.resolve(undefined);

const held = ({ record }: KeptResult, { port }: Pick<Door, 'port'>) => ({ domain: 'lua', record, port });
const codes = (errors: readonly WardError[]): string[] => errors.map(({ code }) => code);
const fetches = ({ events }: Door): number => events.filter(({ event }) => event === 'result.fetched').length;

test('a result comes whole from the server that has it', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const result = resultOf([object, header]);
  await door.results.keep('lua', result);
  const { peers, alarms, troubles } = farm.asking();
  const bodies = await peers.bring(held(result, door), nothingHere);
  t.is(bodies?.length, 4);
  t.true(Buffer.concat(bodies!).equals(Buffer.concat([result.stdout, result.stderr, object, header])));
  t.deepEqual([...alarms, ...troubles], []);
});

test('what is here already is not fetched, and nobody is asked when all of it is', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const result = resultOf([object, header]);
  await door.results.keep('lua', result);
  const { peers } = farm.asking();
  const local = new Map([result.stdout, result.stderr, object].map((content) => [sha256(content), content]));
  const bodies = await peers.bring(held(result, door), async ({ digest }) => local.get(digest));
  t.deepEqual(bodies?.[3], header);
  t.deepEqual(door.events.at(-1)?.outputs, [sha256(header)]);
  local.set(sha256(header), header);
  await peers.bring(held(result, door), async ({ digest }) => local.get(digest));
  t.is(fetches(door), 1);
});

test('all who want the same at once get it by one fetch, over one connection', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const result = resultOf([object]);
  const another = resultOf([header], Buffer.alloc(0), sha256(Buffer.from('another')));
  for (const one of [result, another]) await door.results.keep('lua', one);
  const { peers } = farm.asking();
  const many = await Promise.all([...Array.from({ length: 10 }, () => peers.bring(held(result, door), nothingHere)), peers.bring(held(another, door), nothingHere)]);
  t.true(many.slice(0, 10).every((bodies) => bodies?.[2]?.equals(object)));
  t.deepEqual(many[10]?.[2], header);
  t.is(fetches(door), 2);
  t.is(door.events.filter(({ event }) => event === 'peer.allowed').length, 1);
});

/** What a server that lies, or whose memory is faulty, gives in place of what its keeper signed. */
const lies: Readonly<Record<string, readonly Buffer[]>> = {
  'other bytes': [Buffer.alloc(object.length, 'Object ')],
  'one bit flipped': [Buffer.concat([object.subarray(0, -1), Buffer.of(object.at(-1)! ^ 1)])],
  'a byte too many': [Buffer.concat([object, Buffer.of(0)])],
  'a byte too few': [object.subarray(1)],
};

test('bytes that are not those of the record are a miss and an alarm', async (t) => {
  for (const [title, outputs] of Object.entries(lies)) {
    const farm = await peerFarm(t);
    const door = await farm.open();
    await door.results.keep('lua', resultOf(outputs));
    const { peers, alarms, troubles } = farm.asking();
    const truth = resultOf([object]);
    t.is(await peers.bring(held(truth, door), nothingHere), undefined, title);
    t.deepEqual(codes(alarms), ['blob-corrupt'], title);
    t.regex(alarms[0]?.message ?? '', /^The server localhost sent (another content for a part of|more of|less of)/, title);
    t.deepEqual(troubles, [], title);
    // It rests: whoever asks next compiles at once.
    await door.results.keep('lua', truth);
    t.is(await peers.bring(held(truth, door), nothingHere), undefined, title);
    t.is(fetches(door), 1, title);
  }
});

test('a result that is not there any more is a miss without an alarm, and what is there still comes', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const [gone, there] = [resultOf([object]), resultOf([header], Buffer.alloc(0), sha256(Buffer.from('another')))];
  await door.results.keep('lua', there);
  const { peers, alarms, troubles } = farm.asking();
  t.is(await peers.bring(held(gone, door), nothingHere), undefined);
  t.deepEqual((await peers.bring(held(there, door), nothingHere))?.[2], header);
  t.deepEqual([...alarms, ...troubles], []);
});

/** Asks twice: a miss within seconds, said once, and then at once. */
const isMiss = async (t: ExecutionContext<unknown>, { peers, alarms, troubles }: Awaited<ReturnType<Awaited<ReturnType<typeof peerFarm>>['asking']>>, port: number, message: RegExp): Promise<void> => {
  const result = resultOf([object]);
  const begun = performance.now();
  t.is(await peers.bring(held(result, { port }), nothingHere), undefined);
  t.true(performance.now() - begun < 20_000, 'many times what it may take');
  const again = performance.now();
  t.is(await peers.bring(held(result, { port }), nothingHere), undefined);
  t.true(performance.now() - again < 1_000, 'it is not asked');
  t.is(troubles.length, 1);
  t.regex(troubles[0]!.message, message);
  t.deepEqual(alarms, []);
};

test('a server that is gone is a miss, said once', async (t) => {
  const farm = await peerFarm(t);
  await isMiss(t, farm.asking(), await freePort(), /^Results that the server localhost keeps cannot be fetched: The server localhost cannot be reached: nothing listens there\.$/);
});

test('a server that accepts and says nothing is a miss within seconds', async (t) => {
  const farm = await peerFarm(t);
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  await isMiss(t, farm.asking({ ...peerTimes, firstRestMs: 30_000 }), (server.address() as AddressInfo).port, /it does not answer/);
});

test('a server is believed only with the certificate of that name: another one of the same farm is not', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open({ identity: await farm.forServers.issueServer(['build3.test']) });
  await door.results.keep('lua', resultOf([object]));
  await isMiss(t, farm.asking(), door.port, /The certificate of the server is not for localhost/);
  t.is(fetches(door), 0);
});

test('a server of another CA is not believed, and the sentence says where the CA is named', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open({ identity: await farm.forPeople.issueServer(['localhost']) });
  await isMiss(t, farm.asking(), door.port, /not issued by a CA that is trusted here; check shared\.peers\.ca in server\.jsonc|or shared\.peers\.crl has no revocation list of it/);
  t.is(fetches(door), 0);
});

test('a server that does not let this one in is a miss, said once, with its reason', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  door.servers = ['localhost'];
  await door.results.keep('lua', resultOf([object]));
  await isMiss(t, farm.asking(), door.port, /The server build2\.test is not among those that may fetch results here/);
});

test('what this server has made itself, and has no more, is asked of nobody', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const { record, ...bodies } = resultOf([object]);
  await door.results.keep('lua', { record, ...bodies });
  const { peers, troubles } = farm.asking();
  t.is(await peers.bring({ domain: 'lua', record: { ...record, server: 'build2.test' }, port: door.port }, nothingHere), undefined);
  t.is(door.events.length + troubles.length, 0);
});

test('two results of one action are never mixed, be they fetched at once', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const [first, second] = [resultOf([object]), resultOf([header])];
  await door.results.keep('lua', first);
  const { peers } = farm.asking();
  const [one, other] = await Promise.all([first, second].map((result) => peers.bring(held(result, door), nothingHere)));
  t.true(one?.[2]?.equals(object) ?? true);
  t.is(other?.length, undefined, 'the server has the first one only');
});

test('a port that nobody has signed ends no connection to a server that has proved its name, and no rest', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const [result, another] = [resultOf([object]), resultOf([header], Buffer.alloc(0), sha256(Buffer.from('another')))];
  for (const one of [result, another]) await door.results.keep('lua', one);
  let connections = 0;
  const chosen = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {}).destroy();
  });
  const { port } = await new Promise<AddressInfo>((resolve) => chosen.listen(0, '127.0.0.1', () => resolve(chosen.address() as AddressInfo)));
  t.teardown(() => chosen.close());
  const { peers } = farm.asking();
  await peers.bring(held(result, door), nothingHere);
  t.deepEqual((await peers.bring(held(another, { port }), nothingHere))?.[2], header);
  t.is(connections, 0);
  t.is(door.events.filter(({ event }) => event === 'peer.allowed').length, 1);
  const resting = farm.asking().peers;
  for (const at of [port, 1, door.port]) t.is((await resting.bring(held(result, { port: at }), nothingHere))?.length, undefined);
  t.is(connections, 1);
});

test('a server whose certificate is revoked while there is a connection to it is asked no more', async (t) => {
  const farm = await peerFarm(t);
  const door = await farm.open();
  const [result, another] = [resultOf([object]), resultOf([header], Buffer.alloc(0), sha256(Buffer.from('another')))];
  for (const one of [result, another]) await door.results.keep('lua', one);
  const { peers, troubles, authorities } = farm.asking();
  t.is((await peers.bring(held(result, door), nothingHere))?.length, 3);
  await farm.forServers.revoke(farm.own.serial, 'keyCompromise');
  writeFileSync(join(farm.directory, 'servers-ca.crl'), await farm.forServers.writeCrl());
  authorities.reload();
  t.is((await peers.bring(held(another, door), nothingHere))?.length, undefined);
  t.deepEqual(codes(troubles), ['server-untrusted']);
  t.regex(troubles[0]?.message ?? '', /was revoked/);
});
