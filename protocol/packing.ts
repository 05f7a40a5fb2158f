/**
 * Contents packed with zstd (RFC 8878), for peers that are not on the same host. What is packed is small enough to be unpacked at once, its
 * size is announced, and nothing grows beyond that; digests are always those of the content itself.
 *
 * @module
 */
import zlib from 'node:zlib';
import { WardError } from './errors.ts';

/** Older versions of Node have no zstd: then nothing is packed, and nobody is told to. */
export const canPack: boolean = typeof zlib.zstdCompress === 'function';

/** Less is not worth it. */
const smallest = 512;
/** More than this goes to another thread. */
const atOnce = 32 * 1024;
/** A window that is larger than the largest content is not allocated for anybody. */
const largestWindow = 24;

const compression = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };

/** The content packed; undefined where that makes it hardly smaller, or it has more than `most` bytes. */
export const pack = async (content: Buffer, most: number): Promise<Buffer | undefined> => {
  if (content.length < smallest || content.length > most) return undefined;
  const packed = content.length <= atOnce
    ? zlib.zstdCompressSync(content, compression)
    : await new Promise<Buffer>((resolve, reject) => zlib.zstdCompress(content, compression, (error, result) => (error === null ? resolve(result) : reject(error))));
  return packed.length < content.length * 0.9 ? packed : undefined;
};

/** Attacker-controlled. The content of exactly `size` bytes; anything else is `blob-corrupt`, and takes no more memory than `size` says. */
export const unpack = async (packed: Buffer, size: number): Promise<Buffer> => {
  const bounds = { maxOutputLength: size, params: { [zlib.constants.ZSTD_d_windowLogMax]: largestWindow } };
  const content = await (size <= atOnce
    ? Promise.resolve().then(() => zlib.zstdDecompressSync(packed, bounds))
    : new Promise<Buffer>((resolve, reject) => zlib.zstdDecompress(packed, bounds, (error, result) => (error === null ? resolve(result) : reject(error))))
  ).catch((cause: unknown) => {
    throw new WardError('blob-corrupt', 'A packed content cannot be unpacked to the size that was announced.', { cause });
  });
  if (content.length !== size) throw new WardError('blob-corrupt', `A packed content has ${content.length} bytes; ${size} were announced.`);
  return content;
};
