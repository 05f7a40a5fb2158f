/**
 * Runs the test vectors of PROTOCOL.md, and compares the document's tables with the code. Each vector runs whole, cut at every byte and
 * with every byte changed; what is changed must never be taken for the original.
 *
 * @module
 */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setImmediate as tick } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import nacl from 'tweetnacl';
import { decodeError, encodeError } from '../../protocol/alert.ts';
import { WardError } from '../../protocol/errors.ts';
import { encodeFrame, FrameDecoder, frameType, writeHeader, HEADER_BYTES, type Frame } from '../../protocol/frame.ts';
import { clientHandshake, serverHandshake } from '../../protocol/handshake.ts';
import { decodeClientHello, decodeServerHello, encodeClientHello, encodeServerHello, type Mechanism } from '../../protocol/hello.ts';
import { bindingDigest, deriveKeys, sharedSecret } from '../../protocol/keys.ts';
import { limits } from '../../protocol/limits.ts';
import type { Probe, ServerNotice, Welcome } from '../../protocol/messages.ts';
import { Opener, Sealer, type Direction } from '../../protocol/seal.ts';
import { encodeStart, ListReader, ListWriter } from '../../protocol/start-list.ts';
import { Transcript, type Role } from '../../protocol/transcript.ts';
import { decodeTree, encodeTree, type TreeEntry } from '../../protocol/tree.ts';
import { keyId, signResult, verifyResult } from '../../policy/log/checkpoint.ts';
import { actionDigest, type ResultParts } from '../../protocol/action.ts';
import { statementOf, type Claim } from '../../protocol/statement.ts';
import { acceptAll, transportPair } from './pair.ts';

const text = readFileSync(new URL('../../protocol/PROTOCOL.md', import.meta.url), 'utf8');

type Vector = Record<string, unknown> & { vector: string };

const vectors = [...text.matchAll(/^```json\n([^]*?)\n```$/gm)].map(([, json]) => JSON.parse(json!) as Vector);

/** Bytes of a field: hexadecimal, in one piece or several. */
const bytes = (vector: Record<string, unknown>, field: string): Buffer => Buffer.from(
  [vector[field] as string | string[]].flat().join(''), 'hex',
);
const field = <T>(vector: Record<string, unknown>, name: string): T => vector[name] as T;

interface Counts {
  whole: number;
  split: number;
  changed: number;
}

type Runner = (t: ExecutionContext, vector: Vector, counts: Counts) => void | Promise<void>;

/** What comes before the 32 bytes of an Ed25519 secret key in PKCS #8 (RFC 8410). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Every copy of `original` with one byte changed, in two ways. */
const changes = function* (original: Buffer, masks: readonly number[] = [0x01, 0x80]): Generator<Buffer> {
  for (let at = 0; at < original.length; at++) {
    for (const mask of masks) {
      const changed = Buffer.from(original);
      changed[at]! ^= mask;
      yield changed;
    }
  }
};

/** A decoder of whole byte strings: truncated ones are refused, changed ones refused or the canonical form of something else. */
const canonical = <T>(
  t: ExecutionContext, original: Buffer, decode: (payload: Buffer) => T, encode: (value: T) => Buffer, counts: Counts,
): void => {
  t.deepEqual(encode(decode(original)), original);
  counts.whole += 1;
  for (let length = 0; length < original.length; length++) {
    t.throws(() => decode(original.subarray(0, length)), { instanceOf: WardError });
    counts.split += 1;
  }
  for (const changed of changes(original)) {
    try {
      t.deepEqual(encode(decode(changed)), changed);
    } catch (error) {
      t.true(error instanceof WardError);
    }
    counts.changed += 1;
  }
};

/** A value that is computed: another input gives another value. */
const computed = (t: ExecutionContext, inputs: Buffer[], compute: (inputs: Buffer[]) => Buffer, expected: Buffer, counts: Counts): void => {
  t.deepEqual(compute(inputs), expected);
  counts.whole += 1;
  inputs.forEach((input, index) => {
    for (const changed of changes(input)) {
      t.false(compute(inputs.with(index, changed)).equals(expected));
      counts.changed += 1;
    }
  });
};

const toEntry = (entry: Record<string, unknown>): TreeEntry =>
  (entry['kind'] === 'file' ? { ...entry, digest: bytes(entry, 'digest') } : entry) as unknown as TreeEntry;

/** Lets everything that is on its way in memory arrive. */
const settle = async (): Promise<void> => {
  for (let round = 0; round < 8; round++) await tick();
};

/** A real client reads what a server sent; gives the welcome it believed, and what it sent itself. */
const runClient = async (vector: Vector, pieces: readonly Buffer[]): Promise<{ welcome: ServerNotice | undefined; sent: Buffer }> => {
  const [transport, peer] = transportPair();
  const sent: Buffer[] = [];
  transport.change = (out) => {
    sent.push(out);
    return [];
  };
  let welcome: ServerNotice | undefined;
  const secretKey = bytes(vector, 'clientSecret');
  const done = clientHandshake(transport, {
    authenticator: { mechanism: field<Mechanism>(vector, 'mechanism'), target: field(vector, 'target') },
    exporter: () => bytes(vector, 'exported'),
    secrets: () => ({ nonce: bytes(vector, 'clientNonce'), pair: { secretKey, publicKey: Buffer.from(nacl.scalarMult.base(secretKey)) } }),
  }).then((channel) => {
    channel.onNotice((notice) => {
      welcome = notice;
      channel.open(field<Probe>(vector, 'probe'));
    });
  }).catch(() => {});
  for (const piece of pieces) transport.deliver(piece);
  await settle();
  peer.close();
  await done;
  await settle();
  return { welcome, sent: Buffer.concat(sent) };
};

/** A real server reads what a client sent; gives the probe it believed, and what it sent itself. */
const runServer = async (vector: Vector, pieces: readonly Buffer[]): Promise<{ probe: unknown; sent: Buffer }> => {
  const [peer, transport] = transportPair();
  const sent: Buffer[] = [];
  transport.change = (out) => {
    sent.push(out);
    return [];
  };
  let probe: unknown;
  const secretKey = bytes(vector, 'serverSecret');
  const done = serverHandshake(transport, {
    authenticators: new Map([[field<Mechanism>(vector, 'mechanism'), acceptAll]]),
    exporter: () => bytes(vector, 'exported'),
    secrets: () => ({ nonce: bytes(vector, 'serverNonce'), pair: { secretKey, publicKey: Buffer.from(nacl.scalarMult.base(secretKey)) } }),
  }).then(({ channel }) => {
    channel.onStream((_, first) => {
      probe = first;
    });
    channel.notify(field<Welcome>(vector, 'welcome'));
  }).catch(() => {});
  for (const piece of pieces) transport.deliver(piece);
  await settle();
  peer.close();
  await done;
  await settle();
  return { probe, sent: Buffer.concat(sent) };
};

const runners: Record<string, Runner> = {
  'client-hello': (t, vector, counts) => {
    const hello = {
      nonce: bytes(vector, 'nonce'), publicKey: bytes(vector, 'publicKey'), mechanism: field<Mechanism>(vector, 'mechanism'),
      target: field<string>(vector, 'target'),
    };
    t.deepEqual(encodeClientHello(hello), bytes(vector, 'payload'));
    t.deepEqual(decodeClientHello(bytes(vector, 'payload')), hello);
    canonical(t, bytes(vector, 'payload'), decodeClientHello, encodeClientHello, counts);
  },

  'server-hello': (t, vector, counts) => {
    const hello = { nonce: bytes(vector, 'nonce'), publicKey: bytes(vector, 'publicKey') };
    t.deepEqual(decodeServerHello(bytes(vector, 'payload')), hello);
    canonical(t, bytes(vector, 'payload'), decodeServerHello, encodeServerHello, counts);
  },

  frame: (t, vector, counts) => {
    const original = bytes(vector, 'bytes');
    const decode = (pieces: Buffer[]) => {
      const decoder = new FrameDecoder();
      let frame: Frame | undefined;
      for (const piece of pieces) {
        decoder.push(piece);
        frame ??= decoder.next();
      }
      return frame;
    };
    const whole = decode([original])!;
    t.like(whole, { type: vector['type'], flags: vector['flags'], stream: vector['stream'], sequence: vector['sequence'] });
    t.deepEqual(whole.payload, bytes(vector, 'payload'));
    t.deepEqual(encodeFrame(whole.type, whole.flags, whole.stream, whole.sequence, whole.payload), original);
    counts.whole += 1;
    for (let at = 1; at < original.length; at++) {
      t.deepEqual(decode([original.subarray(0, at), original.subarray(at)])!.covered, original);
      counts.split += 1;
    }
    for (const changed of changes(original)) {
      try {
        const frame = decode([changed]);
        // A longer length waits for more; a shorter one leaves bytes over; anything else is another frame, bytes and all.
        if (frame !== undefined) {
          t.true(changed.subarray(0, frame.covered.length).equals(encodeFrame(
            frame.type, frame.flags, frame.stream, frame.sequence, frame.payload,
          )));
        }
      } catch (error) {
        t.true(error instanceof WardError);
      }
      counts.changed += 1;
    }
  },

  transcript: (t, vector, counts) => {
    const frames = field<{ from: Role }[]>(vector, 'frames');
    const hash = (parts: Buffer[]): Buffer => {
      const transcript = new Transcript();
      parts.forEach((part, index) => transcript.add(frames[index]!.from, part));
      return transcript.digest();
    };
    computed(t, frames.map((frame) => bytes(frame, 'bytes')), hash, bytes(vector, 'hash'), counts);
    t.notDeepEqual(hash(frames.map((frame) => bytes(frame, 'bytes')).reverse()), bytes(vector, 'hash'));
  },

  keys: (t, vector, counts) => {
    for (const side of ['client', 'server']) {
      t.deepEqual(Buffer.from(nacl.scalarMult.base(bytes(vector, `${side}Secret`))), bytes(vector, `${side}Public`));
    }
    t.deepEqual(sharedSecret(bytes(vector, 'clientSecret'), bytes(vector, 'serverPublic')), bytes(vector, 'shared'));
    t.deepEqual(sharedSecret(bytes(vector, 'serverSecret'), bytes(vector, 'clientPublic')), bytes(vector, 'shared'));
    const inputs = [
      bytes(vector, 'transcript'), bytes(vector, 'shared'), ...(vector['exported'] === null ? [] : [bytes(vector, 'exported')]),
    ];
    for (const side of ['client', 'server'] as const) {
      computed(
        t, inputs, ([transcript, shared, exported]) => deriveKeys(transcript!, shared!, exported)[side], bytes(vector, `${side}Key`),
        counts,
      );
    }
  },

  proof: (t, vector, counts) => {
    const role = field<Role>(vector, 'role');
    computed(
      t, [bytes(vector, 'exported'), bytes(vector, 'transcript')], ([exported, transcript]) => bindingDigest(role, exported!, transcript!),
      bytes(vector, 'digest'), counts,
    );
  },

  statement: (t, vector, counts) => {
    const { probe } = vectors.find((other) => other.vector === 'session') as unknown as { probe: Probe };
    const claim = { ...vector, toolchain: probe.toolchain } as unknown as Claim;
    t.is(claim.action, actionDigest(probe, claim.domain));
    const statement = bytes(vector, 'statement');
    t.is(statementOf(claim, vector as unknown as ResultParts, probe.outputs), statement.toString());
    const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, bytes(vector, 'secretKey')]), format: 'der', type: 'pkcs8' });
    const [publicKey, signature] = [createPublicKey(key), bytes(vector, 'signature')];
    t.is(keyId(publicKey), field<string>(vector, 'key'));
    t.is(signResult(statement.toString(), key), signature.toString('base64'));
    t.true(verifyResult(statement, signature.toString('base64'), publicKey));
    counts.whole += 1;
    for (let at = 0; at < statement.length; at++) {
      t.false(verifyResult(statement.subarray(0, at), signature.toString('base64'), publicKey));
      counts.split += 1;
    }
    for (const changed of changes(statement, [0x01])) t.false(verifyResult(changed, signature.toString('base64'), publicKey));
    for (const changed of changes(signature)) t.false(verifyResult(statement, changed.toString('base64'), publicKey));
    counts.changed += statement.length + 2 * signature.length;
  },

  'sealed-frame': (t, vector, counts) => {
    const original = bytes(vector, 'bytes');
    const direction = field<Direction>(vector, 'direction');
    const sequence = field<number>(vector, 'sequence');
    const open = (pieces: readonly Buffer[]) => {
      const decoder = new FrameDecoder();
      decoder.keyed = true;
      const opener = new Opener(bytes(vector, 'key'), direction, sequence);
      let opened: Frame | undefined;
      for (const piece of pieces) {
        decoder.push(piece);
        const frame: Frame | undefined = opened ?? decoder.next();
        if (frame !== undefined && opened === undefined) opener.open(frame);
        opened = frame;
      }
      return opened;
    };
    const out: Buffer[] = [];
    new Sealer(bytes(vector, 'key'), direction, sequence).seal(
      out, field(vector, 'type'), field(vector, 'flags'), field(vector, 'stream'), undefined, bytes(vector, 'payload'),
    );
    t.deepEqual(Buffer.concat(out), original);
    const header = Buffer.alloc(HEADER_BYTES);
    writeHeader(
      header, 0, field(vector, 'type'), field(vector, 'flags'), field(vector, 'stream'), sequence, bytes(vector, 'payload').length,
    );
    t.deepEqual(original.subarray(0, HEADER_BYTES), header);
    t.deepEqual(open([original])!.payload, bytes(vector, 'payload'));
    counts.whole += 1;
    for (let at = 1; at < original.length; at++) {
      t.deepEqual(open([original.subarray(0, at), original.subarray(at)])!.payload, bytes(vector, 'payload'));
      counts.split += 1;
    }
    for (const changed of changes(original)) {
      try {
        t.is(open([changed]), undefined);
      } catch (error) {
        t.true(error instanceof WardError);
      }
      counts.changed += 1;
    }
  },

  tree: (t, vector, counts) => {
    const original = bytes(vector, 'bytes');
    t.deepEqual(encodeTree(field<Record<string, unknown>[]>(vector, 'entries').map(toEntry)), original);
    t.is(createHash('sha256').update(original).digest('hex'), field<string>(vector, 'digest'));
    canonical(t, original, decodeTree, encodeTree, counts);
  },

  'start-lists': (t, vector, counts) => {
    const writer = new ListWriter();
    const [first, second] = [bytes(vector, 'first'), bytes(vector, 'second')];
    const trees = [bytes(vector, 'firstTree'), bytes(vector, 'secondTree')];
    const unasked = field<number[][]>(vector, 'unasked');
    trees.forEach((tree, index) => t.deepEqual(encodeStart(writer.write(tree), unasked[index]!), [first, second][index]));
    const read = (...payloads: Buffer[]): Buffer => {
      const reader = new ListReader();
      const lists = payloads.map((payload) => reader.read(payload, false));
      const last = Buffer.alloc(lists.at(-1)!.length);
      lists.at(-1)!.copyTo(last);
      return last;
    };
    t.deepEqual([read(first), read(first, second)], trees);
    counts.whole += 2;
    for (let length = 2; length < second.length; length++) {
      // Cut between two steps it is the list of a shorter beginning, and otherwise none.
      try {
        t.deepEqual(read(first, second.subarray(0, length)), trees[1]!.subarray(0, 17 * Number(length > 2)));
      } catch (error) {
        t.true(error instanceof WardError);
      }
      counts.split += 1;
    }
    for (const changed of changes(second)) {
      try {
        const tree = read(first, changed);
        t.true(!tree.equals(trees[1]!) || changed.readUInt16BE(0) !== 0);
      } catch (error) {
        t.true(error instanceof WardError);
      }
      counts.changed += 1;
    }
  },

  error: (t, vector, counts) => {
    const { code, message, at, rule } = field<{ code: 'policy-denied'; message: string; at: string; rule: string }>(vector, 'error');
    const payload = bytes(vector, 'payload');
    t.deepEqual(encodeError(new WardError(code, message, { at, rule })), payload);
    t.like(decodeError(payload), { code, message, at, rule });
    counts.whole += 1;
    for (let length = 0; length < payload.length; length++) {
      t.is(decodeError(payload.subarray(0, length)).code, 'protocol-violation');
      counts.split += 1;
    }
    for (const changed of changes(payload)) {
      t.true(decodeError(changed) instanceof WardError);
      counts.changed += 1;
    }
  },

  session: async (t, vector, counts) => {
    const [client, server] = [bytes(vector, 'client'), bytes(vector, 'server')];
    const asClient = await runClient(vector, [server]);
    t.deepEqual(asClient.welcome, field<Welcome>(vector, 'welcome'));
    t.deepEqual(asClient.sent, client);
    const asServer = await runServer(vector, [client]);
    t.deepEqual(asServer.probe, field(vector, 'probe'));
    t.deepEqual(asServer.sent, server);
    counts.whole += 2;
    for (let at = 1; at < server.length; at++) {
      t.deepEqual((await runClient(vector, [server.subarray(0, at), server.subarray(at)])).welcome, asClient.welcome);
      counts.split += 1;
    }
    for (let at = 1; at < client.length; at++) {
      t.deepEqual((await runServer(vector, [client.subarray(0, at), client.subarray(at)])).probe, asServer.probe);
      counts.split += 1;
    }
    for (const changed of changes(server, [0x01])) {
      t.is((await runClient(vector, [changed])).welcome, undefined);
      counts.changed += 1;
    }
    for (const changed of changes(client, [0x01])) {
      t.is((await runServer(vector, [changed])).probe, undefined);
      counts.changed += 1;
    }
  },
};

const kinds = [...new Set(vectors.map(({ vector }) => vector))];

test('the document has vectors of every kind', (t) => {
  t.deepEqual([...kinds].sort(), Object.keys(runners).sort());
});

for (const kind of kinds) {
  test(`the ${kind} vectors hold whole, cut at every byte and with every byte changed`, async (t) => {
    t.timeout(120_000);
    const counts: Counts = { whole: 0, split: 0, changed: 0 };
    for (const vector of vectors.filter((candidate) => candidate.vector === kind)) await runners[kind]!(t, vector, counts);
    t.true(counts.whole > 0 && counts.changed > 0);
    t.log(`${kind}: ${counts.whole} whole, ${counts.split} cut, ${counts.changed} changed`);
  });
}

test('the document states the limits that hold', (t) => {
  const rows = [...text.matchAll(/^\| `(\w+)` \| ([0-9]+) \|$/gm)].map(([, name, value]) => [name, Number(value)]);
  t.deepEqual(Object.fromEntries(rows), { ...limits });
});

test('the document lists the frame types that exist', (t) => {
  const rows = [...text.matchAll(/^\| (\d+) \| ([A-Z]+) \|/gm)].map(([, number, name]) => [name, Number(number)]);
  t.deepEqual(Object.fromEntries(rows), { ...frameType });
});
