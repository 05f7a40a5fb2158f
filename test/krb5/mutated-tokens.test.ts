/**
 * Twenty thousand tokens that were good until a few of their bytes were changed: each is refused with a code, none crashes the
 * acceptor, holds it up or leaves memory behind.
 */
import test from 'ava';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { krb5Authenticator } from '../../server/front/authenticate-krb5.ts';
import { ServiceKeys } from '../../server/front/service-keys.ts';
import { startRealm } from '../fixtures/realm.ts';
import { initiate, target } from './raw-client.ts';
import { makeKeytab, makePerson } from './service.ts';
import { join } from 'node:path';

const count = 20_000;
/** As many as Node has threads for them. */
const atOnce = 4;
const longestMs = 10_000;

/** A small generator with a seed, so that a failure can be repeated. */
const generator = (seed: number) => (below: number): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};

const mutate = (token: Buffer, random: (below: number) => number): Buffer => {
  const changed = Buffer.from(token);
  switch (random(6)) {
    case 0:
      return changed.subarray(0, random(token.length));
    case 1:
      return Buffer.concat([changed, Buffer.alloc(1 + random(64), random(256))]);
    case 2: {
      const at = random(token.length);
      return Buffer.concat([changed.subarray(0, at), Buffer.alloc(1 + random(8), random(256)), changed.subarray(at)]);
    }
    case 3: {
      // Lengths in the first bytes steer the parsers.
      changed[random(40)] = [0x00, 0x7f, 0x80, 0x84, 0xff][random(5)]!;
      return changed;
    }
    default:
      for (let times = 1 + random(4); times > 0; times--) changed[random(token.length)]! ^= 1 << random(8);
      return changed;
  }
};

test('20,000 mutated tokens are refused, each with a code, in bounded time and memory', async (t) => {
  t.timeout(240_000);
  const realm = await startRealm(t);
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  const krb5 = { keytab: await makeKeytab(realm), service: 'wardcc/localhost', config: undefined };
  const keys = new ServiceKeys(krb5, join(realm.directory, 'replay-cache'));
  const { token } = await initiate(await makePerson(realm, 'alice'));
  // Used once, it is good for nothing more, and neither is a copy in which only bytes that nobody looks at were changed.
  await keys.accept(token);
  const authenticator = krb5Authenticator(keys);
  const refuse = async (bytes: Buffer): Promise<WardError> => {
    const io = {
      receive: async () => bytes,
      send: () => {
        throw new WardError('internal', 'A mutated token was answered.');
      },
      transcript: () => Buffer.alloc(32),
      exporter: () => Buffer.alloc(32),
      signal: AbortSignal.timeout(60_000),
    };
    const hello = { mechanism: 'krb5', target: target(realm), nonce: Buffer.alloc(32), publicKey: Buffer.alloc(32) } as const;
    return authenticator.accept(io, hello).then(() => new WardError('internal', 'A mutated token was accepted.'), toWardError);
  };

  const codes = new Map<string, number>();
  const random = generator(20_260_301);
  let left = count;
  let slowest = 0;
  let settled = 0;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const bytes = mutate(token, random);
      if (bytes.equals(token)) continue;
      const begun = performance.now();
      const { code } = await refuse(bytes);
      slowest = Math.max(slowest, performance.now() - begun);
      codes.set(code, (codes.get(code) ?? 0) + 1);
      if (left === count / 2) settled = process.memoryUsage.rss();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  t.log(Object.fromEntries(codes), `slowest ${slowest.toFixed(0)} ms`);
  t.true([...codes.keys()].every((code) => code === 'ticket-invalid' || code === 'credential-expired'), JSON.stringify([...codes]));
  t.true(slowest < longestMs, `${slowest} ms`);
  const grown = process.memoryUsage.rss() - settled;
  t.true(grown < 24 * 2 ** 20, `${grown} bytes more after the second half`);
});
