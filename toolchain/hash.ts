/**
 * SHA-256 of files, in pieces: a compiler has parts of 100 MB, and whoever hashes them has other work to do meanwhile.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

const PIECE = 1024 * 1024;

/** SHA-256 of a file as lower-case hex. `onPiece` sees the bytes as they are read. */
export const hashFile = async (path: string, onPiece?: (piece: Buffer) => Promise<void>): Promise<string> => {
  const file = await open(path, 'r');
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(PIECE);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE, null);
      if (bytesRead === 0) return hash.digest('hex');
      const piece = buffer.subarray(0, bytesRead);
      hash.update(piece);
      await onPiece?.(piece);
    }
  } finally {
    await file.close();
  }
};

/** Runs `work` on every item, at most `width` at once; the order of results is that of the items. */
export const inParallel = async <T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> => {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
};
