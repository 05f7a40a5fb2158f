import { createHash, randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { WardError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import { canPack, pack, unpack } from '../../protocol/packing.ts';
import { sessionPair } from './pair.ts';

const text = Buffer.from('#include <stdio.h>\nint main(void) { return 0; }\n'.repeat(2000));

test('what is packed is smaller, and the same again', async (t) => {
  t.true(canPack);
  await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 3000 }), async (piece, times) => {
    const content = Buffer.concat(Array.from({ length: times }, () => piece));
    const packed = await pack(content, limits.packedBlobBytes);
    if (packed === undefined) return;
    t.true(packed.length < content.length);
    t.deepEqual(await unpack(packed, content.length), content);
  }), { numRuns: 60 });
});

test('what is tiny, too large or does not shrink goes as it is', async (t) => {
  for (const content of [text.subarray(0, 511), randomBytes(100_000)]) t.is(await pack(content, 1e6), undefined);
  t.is(await pack(text, text.length - 1), undefined);
  t.not(await pack(text, text.length), undefined);
});

test('nothing unpacks to another size than was announced, and a bomb takes no memory', async (t) => {
  const packed = (await pack(text, 1e6))!;
  const bomb = zlib.zstdCompressSync(Buffer.alloc(200_000_000));
  t.true(bomb.length < 20_000);
  const refused = { instanceOf: WardError, code: 'blob-corrupt' };
  await t.throwsAsync(unpack(packed, text.length - 1), { ...refused, message: /cannot be unpacked to the size/ });
  await t.throwsAsync(unpack(packed, text.length + 1), { ...refused, message: /has 96000 bytes; 96001 were announced/ });
  await t.throwsAsync(unpack(randomBytes(1000), 5000), { ...refused, message: /cannot be unpacked/ });
  await t.throwsAsync(unpack(packed.subarray(0, packed.length - 5), text.length), { ...refused, message: /cannot be unpacked|bytes;/ });
  for (const size of [1000, 1_000_000]) {
    const before = process.memoryUsage().rss;
    await t.throwsAsync(unpack(bomb, size), { ...refused, message: /cannot be unpacked to the size/ });
    t.true(process.memoryUsage().rss - before < 60_000_000);
  }
});

test('a window that is larger than any content is refused before it is allocated', async (t) => {
  const wide = zlib.zstdCompressSync(text, { params: { [zlib.constants.ZSTD_c_windowLog]: 27, [zlib.constants.ZSTD_c_contentSizeFlag]: 0, [zlib.constants.ZSTD_c_enableLongDistanceMatching]: 1 } });
  const stream = zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_windowLog]: 27 } });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.write(text);
  await new Promise<void>((resolve) => stream.end(resolve));
  await new Promise(setImmediate);
  await t.throwsAsync(unpack(Buffer.concat(chunks), text.length), { instanceOf: WardError, code: 'blob-corrupt' });
  t.true(wide.length > 0);
});

const send = async (packed: Buffer, size: number) => {
  const { client, server } = await sessionPair();
  const { promise, resolve } = Promise.withResolvers<{ content?: Buffer; code?: string }>();
  server.onBlob((blob) => {
    const chunks: Buffer[] = [];
    blob.onData((chunk) => {
      chunks.push(Buffer.from(chunk));
      blob.consumed(chunk.length);
    });
    blob.onEnd(() => resolve({ content: Buffer.concat(chunks) }));
    blob.onReset(({ code }) => resolve({ code }));
  });
  void server.closed.then((error) => resolve({ code: error?.code ?? 'closed' }));
  client.sendBlob(createHash('sha256').update(text).digest(), Buffer.alloc(size), packed).catch(() => {});
  const got = await promise;
  client.close();
  return got;
};

test('a packed blob arrives as its content', async (t) => {
  t.deepEqual((await send((await pack(text, 1e6))!, text.length)).content, text);
  const large = Buffer.concat([randomBytes(400_000), Buffer.alloc(400_000)]);
  t.deepEqual((await send((await pack(large, 1e6))!, large.length)).content, large);
});

test('a packed blob that is none, is too large, or longer than its content, is refused', async (t) => {
  const packed = (await pack(text, 1e6))!;
  t.deepEqual(await send(randomBytes(1000), 5000), { code: 'blob-corrupt' });
  t.deepEqual(await send(packed, text.length + 1), { code: 'blob-corrupt' });
  t.deepEqual(await send(packed, limits.packedBlobBytes + 1), { code: 'limit-exceeded' });
  t.deepEqual(await send(packed, packed.length - 1), { code: 'protocol-violation' });
});
