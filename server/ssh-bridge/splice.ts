/**
 * Two byte streams between the client, who is at our standard input and output, and the front, who is at a socket. The end of one
 * direction is passed on by itself; when one side breaks, the other is let go at once.
 *
 * @module
 */
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface ClientEnds {
  readonly input: Readable;
  readonly output: Writable;
}

/** Resolves when nothing is left to carry. Never rejects. */
export const splice = async ({ input, output }: ClientEnds, front: Socket): Promise<void> => {
  await Promise.allSettled([
    pipeline(input, front),
    // Standard output is never ended by a pipeline.
    pipeline(front, output, { end: false }).finally(() => output.end()),
  ]);
  front.destroy();
  input.destroy();
};
