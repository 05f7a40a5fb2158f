/**
 * Ten thousand handshakes in which something on the way changed one of the frames: neither side crashes, hangs, keeps memory, or ends up in
 * a session with somebody who saw something else. Each refusal has a code.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { clientHandshake, serverHandshake, type AuthIo, type ClientAuthenticator, type ServerAuthenticator } from '../../protocol/handshake.ts';
import { bindingDigest, EXPORTER_BINDING } from '../../protocol/keys.ts';
import { until } from '../fixtures/slow-source.ts';
import { fixedExporter, transportPair, type MemoryTransport } from './pair.ts';

const count = 10_000;
const atOnce = 25;
/** Ten times what is waited for an answer. */
const longestMs = 10_000;

const proof = (role: 'client' | 'server', io: AuthIo): Buffer => bindingDigest(role, io.exporter(EXPORTER_BINDING, 32)!, io.transcript());
const mismatch = (): WardError => new WardError('binding-mismatch', 'The proof is not for this connection.');

/** In the manner of Kerberos: a token each way, then a proof each way. */
const client: ClientAuthenticator = {
  mechanism: 'krb5', target: 'wardcc/localhost@WARDCC.TEST',
  authenticate: async (io) => {
    io.send(Buffer.from('ticket of alice'));
    if ((await io.receive()).toString() !== 'mutual') throw new WardError('server-untrusted');
    io.send(proof('client', io));
    const expected = proof('server', io);
    if (!(await io.receive()).equals(expected)) throw mismatch();
  },
};
const server: ServerAuthenticator = {
  accept: async (io) => {
    if ((await io.receive()).toString() !== 'ticket of alice') throw new WardError('ticket-invalid');
    io.send(Buffer.from('mutual'));
    const expected = proof('client', io);
    if (!(await io.receive()).equals(expected)) throw mismatch();
    io.send(proof('server', io));
    return 'alice';
  },
};

/** A small generator with a seed, so that a failure can be repeated. */
const generator = (seed: number) => (below: number): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};
type Random = ReturnType<typeof generator>;

/** What becomes of a frame; after fewer bytes than were sent the connection ends, as nobody would wait for the rest. */
const mutations: readonly ((bytes: Buffer, random: Random, end: () => void) => Buffer[])[] = [
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    for (let times = 1 + random(3); times > 0; times--) changed[random(bytes.length)]! ^= 1 << random(8) || 1;
    return changed.equals(bytes) ? [bytes, bytes] : [changed];
  },
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    const at = random(Math.min(24, bytes.length));
    changed[at] = changed[at] === 0xff ? 0x7f : 0xff;
    return [changed];
  },
  (bytes, random, end) => {
    end();
    return [bytes.subarray(0, random(bytes.length))];
  },
  (bytes, random) => {
    const at = random(bytes.length);
    return [bytes.subarray(0, at), Buffer.alloc(1 + random(40), random(256)), bytes.subarray(at)];
  },
  (bytes) => [bytes, bytes],
  (_bytes, _random, end) => {
    end();
    return [];
  },
];

/** Changes the frame with this number among those that this side sends. */
const disturb = (transport: MemoryTransport, frame: number, random: Random): void => {
  let sent = 0;
  const mutate = mutations[random(mutations.length)]!;
  transport.change = (bytes) => (sent++ === frame ? mutate(bytes, random, () => transport.close()) : [bytes]);
};

/** Neither side may come so far that it hears a frame under its keys. Resolves with what each says. */
const shakeHands = async (seed: number): Promise<string[]> => {
  const random = generator(seed);
  const [ours, theirs] = transportPair();
  // Each side sends a hello, a token and a proof.
  disturb(random(2) === 0 ? ours : theirs, random(3), random);
  const [left, right] = await Promise.allSettled([
    clientHandshake(ours, { authenticator: client, exporter: fixedExporter, timeoutMs: 1_000 }),
    serverHandshake(theirs, { authenticators: new Map([['krb5', server]]), exporter: fixedExporter, timeoutMs: 1_000 }),
  ]);
  const channels = [left.status === 'fulfilled' ? left.value : undefined, right.status === 'fulfilled' ? right.value.channel : undefined];
  const outcomes = await Promise.all([left, right].map(async (side, index) => {
    if (side.status === 'rejected') return toWardError(side.reason).code;
    const heard = await Promise.race([channels[index]!.ping().then(() => 'a session', () => 'ended'), channels[index]!.closed]);
    return heard === 'a session' ? heard : (await channels[index]!.closed)?.code ?? 'session-lost';
  }));
  for (const channel of channels) channel?.close();
  ours.close();
  return outcomes;
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that are in use, without garbage. */
const bytesInUse = (): number => {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

test(`${count} handshakes in which a frame was changed, cut, repeated or lost: each ends with a code on both sides`, async (t) => {
  t.timeout(400_000);
  const codes = new Map<string, number>();
  let [next, slowest] = [0, 0];
  const work = async (below: number): Promise<void> => {
    for (let seed = next; seed < below; seed = next) {
      next += 1;
      const begun = performance.now();
      const outcomes = await shakeHands(seed);
      slowest = Math.max(slowest, performance.now() - begun);
      for (const code of outcomes) codes.set(code, (codes.get(code) ?? 0) + 1);
      // The frame that is changed may be the alert of a side that gave up waiting: then it says anything.
      const crashed = outcomes.includes('internal') && !outcomes.includes('handshake-timeout');
      if (outcomes.includes('a session') || crashed) t.fail(`seed ${seed}: ${outcomes.join(', ')}`);
    }
  };
  const workTo = (below: number): Promise<unknown> => Promise.all(Array.from({ length: atOnce }, () => work(below)));
  await workTo(count / 2);
  const settled = bytesInUse();
  await workTo(count);
  t.log(Object.fromEntries(codes), `slowest ${slowest.toFixed(0)} ms`);
  t.is([...codes.values()].reduce((sum, number) => sum + number, 0), 2 * count);
  t.true(slowest < longestMs, `${slowest} ms`);
  // Timers of the last handshakes hold something for a moment.
  await until('the second half has left no more than the first', () => bytesInUse() - settled < 8 * 2 ** 20);
});
