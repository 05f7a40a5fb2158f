import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { WardError } from '../../protocol/errors.ts';
import { encodeFrame, FrameDecoder, frameType, HEADER_BYTES } from '../../protocol/frame.ts';
import type { Frame } from '../../protocol/frame.ts';
import { limits } from '../../protocol/limits.ts';
import { Opener, Sealer } from '../../protocol/seal.ts';

const key = Buffer.alloc(32, 7);

const keyedDecoder = (): FrameDecoder => {
  const decoder = new FrameDecoder();
  decoder.keyed = true;
  return decoder;
};

const all = (decoder: FrameDecoder): Frame[] => {
  const frames: Frame[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  return frames;
};

const anyKeyed = fc.oneof(
  fc.record({
    type: fc.constant(frameType.MESSAGE), flags: fc.nat(1), stream: fc.nat(0xffff_ffff),
    payload: fc.uint8Array({ minLength: 2, maxLength: 300 }),
  }),
  fc.record({
    type: fc.constant(frameType.DATA), flags: fc.nat(1), stream: fc.integer({ min: 1, max: 0xffff_ffff }),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  fc.record({
    type: fc.constant(frameType.BLOB), flags: fc.nat(1), stream: fc.integer({ min: 1, max: 0xffff_ffff }),
    payload: fc.uint8Array({ minLength: 40, maxLength: 300 }),
  }),
  fc.record({
    type: fc.constant(frameType.WINDOW), flags: fc.constant(0), stream: fc.integer({ min: 1, max: 0xffff_ffff }),
    payload: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant(frameType.PING), flags: fc.constant(0), stream: fc.constant(0),
    payload: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  }),
);

test('sealed frames come out as they went in, however the bytes are cut', (t) => {
  const anyFrames = fc.array(anyKeyed, { minLength: 1, maxLength: 8 });
  const anyCuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 });
  fc.assert(fc.property(anyFrames, anyCuts, (frames, cuts) => {
    const sealer = new Sealer(key, 'c2s');
    const opener = new Opener(key, 'c2s');
    const out: Buffer[] = [];
    for (const { type, flags, stream, payload } of frames) sealer.seal(out, type, flags, stream, undefined, Buffer.from(payload));
    const bytes = Buffer.concat(out);
    const decoder = keyedDecoder();
    const got: Frame[] = [];
    for (let at = 0, index = 0; at < bytes.length; index++) {
      const size = cuts[index % cuts.length]!;
      decoder.push(bytes.subarray(at, at + size));
      got.push(...all(decoder));
      at += size;
    }
    for (const frame of got) opener.open(frame);
    t.deepEqual(
      got.map(({ type, flags, stream, sequence, payload }) => ({ type, flags, stream, sequence, payload: [...payload] })),
      frames.map(({ type, flags, stream, payload }, sequence) => ({ type, flags, stream, sequence, payload: [...payload] })),
    );
  }), { numRuns: 200 });
});

test('a frame that is whole in its chunk is a view of the chunk, not a copy', (t) => {
  const chunk = Buffer.concat([
    encodeFrame(frameType.AUTH, 0, 0, 0, Buffer.from('one')), encodeFrame(frameType.AUTH, 0, 0, 1, Buffer.from('two')),
  ]);
  const decoder = new FrameDecoder();
  decoder.push(chunk);
  const frames = all(decoder);
  t.deepEqual(frames.map(({ payload }) => payload.toString()), ['one', 'two']);
  for (const { payload } of frames) t.is(payload.buffer, chunk.buffer);
});

type HeaderFields = { type: number; flags: number; reserved: number; stream: number; high: number; length: number };

const header = (changes: Partial<HeaderFields>): Buffer => {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes[0] = changes.type ?? frameType.DATA;
  bytes[1] = changes.flags ?? 0;
  bytes.writeUInt16BE(changes.reserved ?? 0, 2);
  bytes.writeUInt32BE(changes.stream ?? 1, 4);
  bytes.writeUInt32BE(changes.high ?? 0, 8);
  bytes.writeUInt32BE(changes.length ?? 0, 16);
  return bytes;
};

const refused: [string, boolean, Buffer, string, RegExp][] = [
  ['an unknown type', true, header({ type: 99 }), 'protocol-violation', /unknown type 99/],
  ['type 0', false, header({ type: 0 }), 'protocol-violation', /unknown type 0/],
  ['DATA before the handshake is over', false, header({}), 'protocol-violation', /DATA frame is not allowed before/],
  [
    'HELLO after the handshake', true, header({ type: frameType.HELLO, stream: 0, length: 70 }), 'protocol-violation',
    /HELLO frame is not allowed after/,
  ],
  ['an unknown flag', true, header({ flags: 2 }), 'protocol-violation', /unknown flags/],
  ['END on WINDOW', true, header({ type: frameType.WINDOW, flags: 1, length: 4 }), 'protocol-violation', /unknown flags/],
  ['a reserved bit', true, header({ reserved: 1 }), 'protocol-violation', /unknown flags/],
  ['DATA on stream 0', true, header({ stream: 0 }), 'protocol-violation', /names stream 0/],
  ['PING on stream 1', true, header({ type: frameType.PING, length: 8 }), 'protocol-violation', /names stream 1/],
  ['a sequence above 2^53', true, header({ high: 0x20_0000 }), 'bad-sequence', /impossible sequence/],
  ['DATA that is too long', true, header({ length: limits.pieceBytes + 1 }), 'frame-too-large', /announces 65537 bytes; at most 65536/],
  [
    'a MESSAGE that is too long', true, header({ type: frameType.MESSAGE, length: limits.messageBytes + 1 }), 'frame-too-large',
    /at most 1048576/,
  ],
  ['a length of 2^32 - 1', true, header({ length: 0xffff_ffff }), 'frame-too-large', /announces 4294967295/],
  ['a BLOB without digest and size', true, header({ type: frameType.BLOB, length: 39 }), 'protocol-violation', /at least 40/],
  ['a PING of 7 bytes', true, header({ type: frameType.PING, stream: 0, length: 7 }), 'protocol-violation', /at least 8/],
];

for (const [title, keyed, bytes, code, message] of refused) {
  test(`${title} is refused by its header alone`, (t) => {
    for (const size of [1, 7, HEADER_BYTES]) {
      const decoder = new FrameDecoder();
      decoder.keyed = keyed;
      t.throws(() => {
        for (let at = 0; at < bytes.length; at += size) {
          decoder.push(bytes.subarray(at, at + size));
          decoder.next();
        }
      }, { instanceOf: WardError, code, message });
    }
  });
}

test('random bytes give frames or an error with a code, never anything else', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, keyed) => {
    const decoder = new FrameDecoder();
    decoder.keyed = keyed;
    try {
      decoder.push(Buffer.from(bytes));
      all(decoder);
    } catch (error) {
      t.true(error instanceof WardError);
    }
  }), { numRuns: 2000 });
  t.pass();
});

test('a frame in pieces of one byte costs no more than its bytes', (t) => {
  const decoder = keyedDecoder();
  const out: Buffer[] = [];
  new Sealer(key, 's2c').seal(out, frameType.DATA, 0, 1, undefined, randomBytes(60_000));
  const bytes = Buffer.concat(out);
  for (let at = 0; at < bytes.length - 1; at++) {
    decoder.push(bytes.subarray(at, at + 1));
    t.is(decoder.next(), undefined);
    if (decoder.waiting !== 0) t.fail('a piece was kept');
  }
  decoder.push(bytes.subarray(-1));
  new Opener(key, 's2c').open(decoder.next()!);
});

const seal = (sealer: Sealer): Frame => {
  const out: Buffer[] = [];
  sealer.seal(out, frameType.DATA, 0, 1, undefined, Buffer.from('payload'));
  const decoder = keyedDecoder();
  decoder.push(Buffer.concat(out));
  return decoder.next()!;
};

test('a frame is accepted once, in its place, in its direction, under its key', (t) => {
  const sealer = new Sealer(key, 'c2s');
  const [first, second, third] = [seal(sealer), seal(sealer), seal(sealer)];
  const opener = new Opener(key, 'c2s');
  opener.open(first);
  t.throws(() => opener.open(first), { instanceOf: WardError, code: 'bad-sequence', message: 'Frame 1 was expected and frame 0 came.' });
  t.throws(() => opener.open(third), { instanceOf: WardError, code: 'bad-sequence', message: 'Frame 1 was expected and frame 2 came.' });
  opener.open(second);
  t.throws(() => new Opener(key, 's2c').open(first), { instanceOf: WardError, code: 'bad-tag' });
  t.throws(
    () => new Opener(Buffer.alloc(32, 8), 'c2s').open(first),
    { instanceOf: WardError, code: 'bad-tag', message: 'Frame 0 fails its integrity check.' },
  );
  t.throws(() => new Opener(key, 'c2s').open({ ...first, tag: first.tag!.subarray(0, 4) }), { instanceOf: WardError, code: 'bad-tag' });
});

test('a key protects no more frames than it may', (t) => {
  const sealer = new Sealer(key, 'c2s', limits.framesPerKey - 1);
  const last = seal(sealer);
  t.throws(
    () => seal(sealer),
    { instanceOf: WardError, code: 'limit-exceeded', message: 'This session has sent as many frames as its keys allow.' },
  );
  const opener = new Opener(key, 'c2s', limits.framesPerKey - 1);
  opener.open(last);
  t.throws(() => opener.open({ ...last, sequence: limits.framesPerKey }), { instanceOf: WardError, code: 'limit-exceeded' });
});
