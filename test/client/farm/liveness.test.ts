/**
 * Whatever servers answer, in whatever order, pieces and batches, and whenever a job is aborted or a session ends: each compile is
 * settled soon, and no stream, place, job or listener is left.
 *
 * @module
 */
import { getEventListeners } from 'node:events';
import { setImmediate as tick, setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import type { FarmResult } from '../../../client/farm/attempt.ts';
import { connected, type Connection } from '../../../client/farm/connect.ts';
import { parseHost } from '../../../client/farm/hosts.ts';
import { Placement, WaitingJobs } from '../../../client/farm/placement.ts';
import { Session } from '../../../client/farm/session.ts';
import type { Stream } from '../../../protocol/channel.ts';
import { WardError } from '../../../protocol/errors.ts';
import { limits } from '../../../protocol/limits.ts';
import type { Welcome } from '../../../protocol/messages.ts';
import { sessionPair, until, type SessionPair } from '../../protocol/pair.ts';
import { sha256, testJob, toolchain } from './server.ts';

const object = Buffer.from('object');
const never = new AbortController().signal;

const welcomeOf = (server: string): Welcome => ({
  type: 'welcome', server, principal: 'cert:alice', committer: 'alice', mechanism: 'cert', expires: 0, policy: { serial: 1, digest: 'd'.repeat(64) },
  isolation: 'strict', slots: 4, toolchains: [{ digest: toolchain, canary: 'c'.repeat(64), name: '/usr/bin/gcc' }],
});

interface Server {
  readonly session: Session;
  readonly pair: SessionPair;
  /** Places that jobs hold, as far as the client knows. */
  held: number;
}

/** Sessions with servers that answer jobs so, over memory. */
const serversOf = async (jobs: readonly ((stream: Stream) => void)[]): Promise<Server[]> => Promise.all(jobs.map(async (job, index) => {
  const pair = await sessionPair();
  pair.server.onStream(job);
  pair.server.onBlob((blob) => blob.onData((chunk) => blob.consumed(chunk.length)));
  const session = new Session(parseHost(`build${index}:9000`), async (): Promise<Connection> => connected(pair.client, welcomeOf(`build${index}`), true));
  await session.ready();
  const { rooms } = session;
  const server: Server = { session, pair, held: 0 };
  const hold = rooms.hold.bind(rooms);
  rooms.hold = () => {
    const back = hold();
    let held = true;
    server.held += 1;
    return () => {
      back();
      if (held) server.held -= 1;
      held = false;
    };
  };
  return server;
}));

interface Hooks {
  readonly onFull?: () => void;
  readonly onPlaced?: () => void;
}

/** Puts a job to these servers; to others of them when these are full. */
const placed = (asked: readonly Server[], servers: readonly Server[], signal: AbortSignal, hooks: Hooks = {}): Promise<FarmResult> => {
  const waiting = new WaitingJobs();
  for (const { session } of servers) session.rooms.onMore = () => waiting.offer(session);
  const job = testJob();
  const probe = { type: 'probe' as const, ...job.probe };
  const placement = new Placement({ job, probe, canary: undefined, servers: servers.map(({ session }) => session), verify: () => undefined, ...hooks }, waiting);
  return placement.run({ now: asked.map(({ session }) => session), late: undefined }, signal);
};

const settledSoon = async (done: Promise<FarmResult>): Promise<FarmResult | WardError> =>
  Promise.race([done.catch((error: WardError) => error), delay(5000).then(() => { throw new Error('the job hangs'); })]);

const sendResult = (stream: Stream, cached = false): void => {
  stream.send({
    type: 'result', cached, keep: true, status: { code: 0, signal: 0 }, stdout: 0, stderr: 0,
    outputs: [{ index: 0, size: object.length, digest: sha256(object), mode: 0o666 }],
    usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1000 }, server: 'test',
  });
  stream.write(object, { end: true }).catch(() => {});
};

const isIdle = ({ session, pair, held }: Server): boolean =>
  session.running === 0 && held === 0 && pair.client.openStreams === 0 && pair.server.openStreams === 0;

test.serial('a job that is aborted in the moment in which a server is chosen is not begun there', async (t) => {
  let started = 0;
  const servers = await serversOf([(stream) => {
    stream.onStart(() => (started += 1));
    stream.send({ type: 'busy', position: 1 });
    stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
  }]);
  // Once everything has been done before, both messages are taken in one turn.
  for (let round = 0; round < 5; round++) {
    const ending = new AbortController();
    // A free slot of this machine is taken in that very way.
    const outcome = await settledSoon(placed(servers, servers, ending.signal, { onFull: () => queueMicrotask(() => ending.abort()) }));
    t.is((outcome as WardError).code, 'cancelled');
    t.is((outcome as WardError).message, 'The job was cancelled.');
    await until(() => servers.every(isIdle));
  }
  t.is(started, 0);
});

test.serial('a job in line does not go over to a server whose session ends in the same moment', async (t) => {
  const inLine = (stream: Stream): void => stream.send({ type: 'busy', position: 1 });
  const servers = await serversOf([() => {}, inLine, inLine]);
  const [first, ...others] = servers as [Server, Server, Server];
  // No room as far as is known, until the session ends.
  const leave = Array.from({ length: 4 }, () => first.session.rooms.hold());
  let full = 0;
  const done = placed(others, servers, never, { onFull: () => (full += 1) });
  await until(() => full > 0);
  const removed = new WardError('credential-missing', 'The certificate was removed.');
  for (const back of leave) back();
  for (const { session } of servers) session.close(removed);
  const outcome = await settledSoon(done) as WardError;
  t.is(outcome.code, 'credential-missing');
  t.is(outcome.message, 'The certificate was removed.');
});

test.serial('a job in line that a full session cannot take stays in line', async (t) => {
  let free: (() => void) | undefined;
  const servers = await serversOf([() => {}, (stream) => {
    stream.onEnd(() => sendResult(stream));
    stream.send({ type: 'busy', position: 1 });
    free = () => stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
  }]);
  const [first, second] = servers as [Server, Server];
  const { client } = first.pair;
  while (client.openStreams < limits.streams - limits.blobs) client.open({ type: 'probe', ...testJob().probe });
  let full = 0;
  const done = placed([second], servers, never, { onFull: () => (full += 1) });
  await until(() => full > 0);
  free!();
  t.is(((await settledSoon(done)) as FarmResult).server, second.session.host.name);
  t.is(first.session.running, 0);
});

test.serial('a job whose home has as many jobs as it may is told so', async (t) => {
  const servers = await serversOf([() => {}]);
  const [{ pair: { client }, session }] = servers as [Server];
  while (client.openStreams < limits.streams - limits.blobs) client.open({ type: 'probe', ...testJob().probe });
  await t.throwsAsync(placed(servers, servers, never), { instanceOf: WardError, code: 'busy', message: 'This session has as many streams open as it may.' });
  t.is(session.running, 0);
});

test.serial('of two connections that are made at once, one stays', async (t) => {
  const pairs: SessionPair[] = [];
  const made: PromiseWithResolvers<void>[] = [];
  const session = new Session(parseHost('build0:9000'), async (): Promise<Connection> => {
    const gate = Promise.withResolvers<void>();
    made.push(gate);
    await gate.promise;
    const pair = await sessionPair();
    pairs.push(pair);
    return connected(pair.client, welcomeOf('build0'), true);
  });
  const first = session.ready();
  made[0]!.resolve();
  const { channel } = await first;
  // While a successor is on its way the connection ends, and a job needs one.
  session.renew();
  channel.close();
  await until(() => session.connection === undefined);
  const again = session.ready();
  made[1]!.resolve();
  await until(() => pairs.length === 2);
  made[2]!.resolve();
  await until(() => pairs.length === 3);
  await again;
  await until(() => session.connection?.channel === pairs[2]!.client);
  t.is(await Promise.race([pairs[1]!.client.closed.then(() => 'closed'), delay(500).then(() => 'left open')]), 'closed');
  session.close();
});

/** When something happens: with what came before, a turn later, or milliseconds later. */
const pause = async (ms: number): Promise<void> => (ms === 0 ? undefined : ms === 1 ? void (await tick()) : void (await delay(ms)));
const pauses = fc.constantFrom(0, 0, 0, 1, 1, 2, 5);

interface Script {
  /** Names another server first. */
  readonly elsewhere: number | undefined;
  readonly begins: 'offer' | 'busy' | 'running' | 'kept' | 'reset';
  /** Offers that lapse, and places in line before each. */
  readonly lapses: readonly { readonly busy: number; readonly load: number | undefined }[];
  readonly missing: boolean;
  readonly ends: 'result' | 'reset';
  readonly pauses: readonly number[];
}

const scripts: fc.Arbitrary<Script> = fc.record({
  elsewhere: fc.option(fc.nat(3), { nil: undefined }),
  begins: fc.constantFrom('offer', 'offer', 'busy', 'busy', 'running', 'kept', 'reset'),
  lapses: fc.array(fc.record({ busy: fc.integer({ min: 1, max: 2 }), load: fc.option(fc.nat(4), { nil: undefined }) }), { maxLength: 3 }),
  missing: fc.boolean(),
  ends: fc.constantFrom('result', 'result', 'reset'),
  pauses: fc.array(pauses, { minLength: 12, maxLength: 12 }),
});

const later = new WardError('busy', 'Not now.');

/** Answers a job as the script says: every order that a server may choose. */
const answer = async (stream: Stream, script: Script): Promise<void> => {
  let step = 0;
  const next = (): Promise<void> => pause(script.pauses[step++ % script.pauses.length]!);
  const over = Promise.withResolvers<'over'>();
  const start = Promise.withResolvers<'started'>();
  let started = false;
  let isOver = false;
  stream.onReset(() => {
    isOver = true;
    over.resolve('over');
  });
  stream.onData((chunk) => stream.consumed(chunk.length));
  stream.onStart(() => {
    started = true;
    start.resolve('started');
  });
  const result = async (cached: boolean): Promise<void> => {
    if (script.ends === 'reset' && !cached) stream.reset(later);
    else if (!isOver) sendResult(stream, cached);
  };
  if (script.elsewhere !== undefined) stream.send({ type: 'elsewhere', server: `build${script.elsewhere}` });
  await next();
  if (script.begins === 'reset') return stream.reset(later);
  if (script.begins === 'kept') return result(true);
  if (script.begins === 'running') {
    stream.send({ type: 'running' });
    await next();
    return result(false);
  }
  const line = async (busy: number, load: number | undefined): Promise<void> => {
    for (let position = busy; position > 0 && !isOver; position--) {
      stream.send({ type: 'busy', position, ...(load === undefined ? {} : { load: { free: load, waiting: busy } }) });
      await next();
    }
  };
  if (script.begins === 'busy') await line(1, 0);
  for (const { busy, load } of script.lapses) {
    if (isOver || started) break;
    stream.send({ type: 'offer', leaseMs: 1, speed: 1, ...(load === undefined ? {} : { load: { free: load, waiting: load === 0 ? 1 : 0 } }) });
    await next();
    // A START that was under way stands in line with the job.
    await line(busy, load);
  }
  if (isOver) return;
  if (!started) stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
  if ((await Promise.race([start.promise, over.promise, delay(2000)])) !== 'started') return stream.reset(later);
  await next();
  if (script.missing && !isOver) {
    stream.send({ type: 'missing', digests: [sha256(Buffer.from('int main(void) { return 0; }\n'))], more: false });
    await next();
  }
  await result(false);
};

const aborts = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ when: 'never' as const, ms: 0 }) },
  fc.record({ when: fc.constantFrom('full' as const, 'placed' as const, 'time' as const), ms: fc.constantFrom(-1, 0, 1, 2, 5, 10, 15) }),
);

test.serial('every job is settled, and leaves nothing behind, whatever servers answer and whoever goes', async (t) => {
  await fc.assert(fc.asyncProperty(
    fc.array(scripts, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 2 }), aborts,
    fc.option(fc.record({ server: fc.nat(2), ms: fc.constantFrom(1, 2, 5, 10), client: fc.boolean() }), { nil: undefined, freq: 3 }),
    fc.constantFrom(1, 7, 40, Infinity),
    async (all, atFirst, abort, loss, piece) => {
      const servers = await serversOf(all.map((script) => (stream) => void answer(stream, script)));
      for (const { pair } of servers) pair.serverTransport.piece = piece;
      const ending = new AbortController();
      const end = (): void => {
        if (abort.ms < 0) queueMicrotask(() => ending.abort());
        else if (abort.ms === 0) ending.abort();
        else setTimeout(() => ending.abort(), abort.ms);
      };
      if (abort.when === 'time') end();
      const hooks = { ...(abort.when === 'full' ? { onFull: end } : {}), ...(abort.when === 'placed' ? { onPlaced: end } : {}) };
      const lost = loss === undefined ? undefined : servers[loss.server];
      if (lost !== undefined) setTimeout(() => (loss!.client ? lost.session : lost.pair.server).close(new WardError('access-ended', 'It ends.')), loss!.ms);
      const outcome = await settledSoon(placed(servers.slice(0, atFirst), servers, ending.signal, hooks));
      if (!(outcome instanceof WardError)) t.deepEqual(outcome.outputs[0]?.content, object);
      t.is(getEventListeners(ending.signal, 'abort').length, 0);
      for (let turns = 0; !servers.every(isIdle); turns++) {
        if (turns > 3000) throw new Error(`left: ${JSON.stringify(servers.map(({ session, pair, held }) => [session.running, held, pair.client.openStreams, pair.server.openStreams]))}`);
        await delay(1);
      }
      for (const { session } of servers) session.close();
    },
  ), { numRuns: 150 });
  t.pass();
});
