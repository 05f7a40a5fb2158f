/**
 * However clients answer, and whenever they go: each job ends soon, and places, memory, flights, uploads, deadlines and listeners are
 * all given back.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as tick, setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Stream } from '../../../protocol/channel.ts';
import { WardError } from '../../../protocol/errors.ts';
import type { Probe, ServerMessage } from '../../../protocol/messages.ts';
import { encodeTree } from '../../../protocol/tree.ts';
import { receiveBlob } from '../../../server/front/blobs.ts';
import { Session, type Identity } from '../../../server/front/session.ts';
import { Flights } from '../../../server/jobs/flights.ts';
import { runJob } from '../../../server/jobs/job.ts';
import type { JobServices, Outcome } from '../../../server/jobs/services.ts';
import { Unread, unreadLimits } from '../../../server/jobs/unread.ts';
import { FairLine } from '../../../server/queue/fair-line.ts';
import { Store } from '../../../server/store/store.ts';
import { Uploads } from '../../../server/store/uploads.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { sessionPair, type SessionPair } from '../../protocol/pair.ts';

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const toolchain = 'ab'.repeat(32);
const domain = 'project:p';
/** Deadlines come so much sooner here. */
const haste = 40;

const object = Buffer.alloc(700_000, 'o');

/** Deadlines of which is known how many are left. */
class HastyDeadlines {
  open = 0;

  after(ms: number, expire: () => void): () => void {
    this.open += 1;
    let over = false;
    const end = (): void => {
      if (!over) this.open -= 1;
      over = true;
      clearTimeout(timer);
    };
    const timer = setTimeout(() => {
      end();
      expire();
    }, ms / haste);
    return end;
  }
}

interface Files {
  readonly tree: Buffer;
  readonly contents: readonly Buffer[];
}

/** Jobs with the same number have equal inputs. */
const filesOf = (serial: string): Files => {
  const contents = ['shared', 'shared too', serial].map((text) => Buffer.from(`${text}\n`));
  const tree = encodeTree(contents.map((content, index) => ({
    path: `/w/${index}.c`, kind: 'file', digest: createHash('sha256').update(content).digest(), size: content.length, group: 0,
  })));
  return { tree, contents };
};

const probeOf = ({ tree }: Files): Probe => ({
  type: 'probe', id: '1', project: 'p', toolchain, compiler: '/usr/bin/gcc', language: 'c', argv: ['gcc', '-c', '0.c'],
  env: {}, cwd: '/w', umask: 0o022, outputs: ['/w/0.o'], tree: sha256(tree), treeBytes: tree.length, inputBytes: 1,
});

interface Play {
  readonly session: number;
  readonly job: number;
  readonly startsAfter: number;
  readonly offer: 'start' | 'ignore' | 'reset';
  readonly busy: 'wait' | 'reset';
  readonly unasked: 'none' | 'sent' | 'promised';
  readonly missing: 'send' | 'wrong' | 'reset' | 'nothing';
  readonly result: 'take' | 'reset' | 'stall';
  readonly compiler: 'well' | 'slow' | 'fails';
  /** Resets whatever happens. */
  readonly resetsAfter: number | undefined;
}

const pause = async (ms: number): Promise<void> => (ms === 0 ? undefined : ms === 1 ? void (await tick()) : void (await delay(ms)));
const pauses = fc.constantFrom(0, 1, 2, 5, 20, 60);
const mostly = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> => fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));

const plays: fc.Arbitrary<Play> = fc.record({
  session: fc.nat(1), job: fc.nat(1), startsAfter: pauses, offer: mostly('start', 'ignore', 'reset'), busy: mostly('wait', 'reset'),
  unasked: fc.constantFrom('none', 'sent', 'promised'), missing: mostly('send', 'wrong', 'reset', 'nothing'), result: mostly('take', 'reset', 'stall'),
  compiler: mostly('well', 'slow', 'fails'), resetsAfter: fc.option(fc.constantFrom(0, 1, 3, 10, 30, 80), { nil: undefined, freq: 4 }),
});

const gone = new WardError('cancelled', 'The launcher is gone.');

/** Plays one job as a client. */
const play = ({ client }: SessionPair, one: Play, files: Files): void => {
  let stream: Stream;
  try {
    stream = client.open(probeOf(files));
  } catch {
    return;
  }
  let started = false;
  const send = (content: Buffer): void => void client.sendBlob(createHash('sha256').update(content).digest(), one.missing === 'wrong' ? Buffer.from(content).fill('x') : content).catch(() => {});
  const byDigest = new Map(files.contents.map((content) => [sha256(content), content]));
  const start = async (): Promise<void> => {
    await pause(one.startsAfter);
    if (started) return;
    started = true;
    client.start(stream, files.tree, (fresh) => (one.unasked === 'none' ? [] : fresh.map(({ index }) => index)));
    if (one.unasked === 'sent') files.contents.forEach(send);
  };
  stream.onMessage((message: ServerMessage) => {
    if (message.type === 'offer' && one.offer === 'start') void start();
    else if (message.type === 'offer' && one.offer === 'reset') stream.reset(gone);
    else if (message.type === 'busy' && one.busy === 'reset') stream.reset(gone);
    else if (message.type === 'missing' && one.missing === 'reset') stream.reset(gone);
    else if (message.type === 'missing' && one.missing !== 'nothing') for (const digest of message.digests) send(byDigest.get(digest)!);
    else if (message.type === 'result' && one.result === 'reset') stream.reset(gone);
  });
  stream.onData((chunk) => {
    if (one.result === 'take') stream.consumed(chunk.length);
  });
  stream.onEnd(() => {
    if (!started) stream.write(Buffer.alloc(0), { end: true }).catch(() => {});
  });
  if (one.resetsAfter !== undefined) void pause(one.resetsAfter).then(() => stream.reset(gone));
};

interface Bench {
  readonly services: JobServices;
  readonly deadlines: HastyDeadlines;
  readonly open: { jobs: number; withdrawals: number; outcomes: number; endings: number };
  serve(pair: SessionPair): Session;
}

const benchOf = async (t: ExecutionContext, all: readonly Play[], places: number): Promise<Bench> => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'object');
  writeFileSync(path, object);
  const deadlines = new HastyDeadlines();
  const open = { jobs: 0, withdrawals: 0, outcomes: 0, endings: 0 };
  let runs = 0;
  const run = async (_: unknown, __: unknown, signal: AbortSignal): Promise<Outcome> => {
    const { compiler } = all[runs++ % all.length]!;
    await delay(compiler === 'slow' ? 30 : 2);
    if (signal.aborted) throw signal.reason;
    if (compiler === 'fails') throw new WardError('sandbox-failed', 'The executor of this job died.');
    open.outcomes += 1;
    return {
      status: { code: 0, signal: 0 }, usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1 }, stdout: { path: '', size: 0 }, stderr: { path: '', size: 0 },
      outputs: [{ index: 0, path, size: object.length, digest: sha256(object), mode: 0o644 }], discard: () => (open.outcomes -= 1),
    };
  };
  const services = {
    serverName: 's', deadlines, admission: new FairLine(places, 2), store: new Store({ directory: join(directory, 'store'), maxBytes: 1 << 20 }),
    uploads: new Uploads(), executors: { run }, flights: new Flights<Outcome>((outcome) => outcome.discard()),
    unread: new Unread(deadlines, { ...unreadLimits, share: 1_000_000, heldMs: 20_000, stallMs: 20_000 }),
    results: { find: async () => undefined }, pointers: { find: () => undefined },
    keeping: { sign: async () => undefined, certify: async () => {}, keep: async () => {} },
    log: { decided: async () => (await tick(), 1), ended: () => {} },
    decide: () => ({ request: {}, decision: { verdict: 'allow', domain, cache: 'domain', limits: {}, quota: { jobs: 2, queued: 2, storePercent: 50 }, weight: 1 } }),
    toolchain: () => ({ digest: toolchain, name: 'gcc', family: 'gcc', root: '', includeDirs: [], canary: '' }),
    whenWithdrawn: () => {
      open.withdrawals += 1;
      return () => (open.withdrawals -= 1);
    },
    speed: () => 1, load: () => ({ free: 1, waiting: 0 }),
  } as unknown as JobServices;
  const serve = ({ server }: SessionPair): Session => {
    const identity: Identity = { principal: 'cert:alice', mechanism: 'cert', expires: 0, fingerprint: 'f', stillValid: () => undefined };
    const session = new Session(identity, 'alice', '127.0.0.1', server);
    session.whenEnded(() => services.uploads.abandon(session));
    const whenEnded = session.whenEnded.bind(session);
    session.whenEnded = (callback) => {
      open.endings += 1;
      const undo = whenEnded(callback);
      return () => {
        open.endings -= 1;
        undo();
      };
    };
    server.onBlob((blob) => receiveBlob(blob, session, services, { stall: 20_000, whole: 40_000 }));
    server.onStream((stream, first) => {
      open.jobs += 1;
      void runJob(stream, first as Probe, session, services).finally(() => (open.jobs -= 1));
    });
    return session;
  };
  return { services, deadlines, open, serve };
};

test('every job ends, and gives everything back, however its client answers and whenever it goes', async (t) => {
  await fc.assert(fc.asyncProperty(
    fc.array(plays, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 2 }),
    fc.option(fc.record({ session: fc.nat(1), ms: fc.constantFrom(1, 3, 10, 30, 80), client: fc.boolean() }), { nil: undefined, freq: 3 }),
    fc.constantFrom(7, 100, Infinity),
    async (all, places, loss, piece) => {
      const { services, deadlines, open, serve } = await benchOf(t, all, places);
      const pairs = await Promise.all([sessionPair(), sessionPair()]);
      const sessions = pairs.map(serve);
      for (const { clientTransport } of pairs) clientTransport.piece = piece;
      if (loss !== undefined) setTimeout(() => {
        const reason = new WardError('access-ended', 'It ends.');
        if (loss.client) pairs[loss.session]!.client.close(reason);
        else sessions[loss.session]!.end(reason);
      }, loss.ms);
      for (const one of all) play(pairs[one.session]!, one, filesOf(String(one.job)));
      await tick();
      const digests = ['0', '1'].flatMap((job) => filesOf(job).contents.map(sha256));
      const left = (): object => {
        const { admission, unread, uploads } = services;
        const promised = digests.filter((digest) => uploads.domainAwaiting([domain], digest, sessions[0]!) ?? uploads.domainAwaiting([domain], digest, sessions[1]!)).length;
        const streams = pairs.reduce((sum, { client, server }) => sum + client.openStreams + server.openStreams, 0);
        return { ...open, taken: admission.taken, waiting: admission.waiting, unread: unread.of('cert:alice'), promised, streams, deadlines: deadlines.open, incoming: readdirSync(join(services.store.directoryOf(domain), '../incoming')).length };
      };
      const nothing = { jobs: 0, withdrawals: 0, outcomes: 0, endings: 0, taken: 0, waiting: 0, unread: 0, promised: 0, streams: 0, deadlines: 0, incoming: 0 };
      const until = performance.now() + 10_000;
      await delay(10);
      while (JSON.stringify(left()) !== JSON.stringify(nothing)) {
        if (performance.now() > until) throw new Error(`left: ${JSON.stringify(left())}`);
        await delay(2);
      }
      for (const { client } of pairs) client.close();
    },
  ), { numRuns: 40, interruptAfterTimeLimit: 60_000 });
  t.pass();
});
