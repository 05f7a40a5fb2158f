/**
 * The answer. Status and sizes first, then stdout, stderr and the outputs as one run of bytes.
 *
 * @module
 */
import { open } from 'node:fs/promises';
import { readFile } from 'node:fs';
import type { Stream } from '../../protocol/channel.ts';
import type { KeptResult } from '../store/result-cache.ts';
import type { Outcome, StoredFile } from './services.ts';

/** Up to this size a file is read whole; larger ones go piece by piece, so that memory stays bounded. */
const wholeBytes = 256 * 1024;

/** Resolves when the last byte was taken by the stream. `keep`: may the client give this result again? */
export async function sendResult(stream: Stream, outcome: Outcome, server: string, keep: boolean): Promise<void> {
  const bodies = [outcome.stdout, outcome.stderr, ...outcome.outputs].filter(({ size }) => size > 0);
  stream.send(
    {
      type: 'result',
      cached: false,
      keep,
      status: outcome.status,
      stdout: outcome.stdout.size,
      stderr: outcome.stderr.size,
      outputs: outcome.outputs.map(({ index, size, digest, mode }) => ({ index, size, digest, mode })),
      usage: outcome.usage,
      server,
    },
    { end: bodies.length === 0 },
  );
  for (const [index, body] of bodies.entries()) await sendFile(stream, body, index === bodies.length - 1);
}

/** Sends a result that was kept: its bytes were checked already. Resolves when the last of them was taken by the stream. */
export async function sendKept(stream: Stream, { record, stdout, stderr, outputs }: KeptResult): Promise<void> {
  const bodies = [stdout, stderr, ...outputs].filter(({ length }) => length > 0);
  stream.send(
    {
      type: 'result',
      cached: true,
      keep: true,
      status: { code: 0, signal: 0 },
      stdout: stdout.length,
      stderr: stderr.length,
      outputs: record.outputs.map(({ index, size, digest, mode }) => ({ index, size, digest, mode })),
      usage: { wallMs: 0, userMs: 0, systemMs: 0, maxRssKb: 0 },
      server: record.server,
    },
    { end: bodies.length === 0 },
  );
  for (const [index, body] of bodies.entries()) await stream.write(body, { end: index === bodies.length - 1 });
}

async function sendFile(stream: Stream, file: StoredFile, last: boolean): Promise<void> {
  if (file.size <= wholeBytes) return stream.write(await readWhole(file.path), { end: last });
  const handle = await open(file.path, 'r');
  try {
    for (let sent = 0; sent < file.size; ) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(Math.min(wholeBytes, file.size - sent)));
      if (bytesRead === 0) throw new Error(`${file.path} became shorter`);
      sent += bytesRead;
      await stream.write(buffer.subarray(0, bytesRead), { end: last && sent === file.size });
    }
  } finally {
    await handle.close();
  }
}

const readWhole = (path: string): Promise<Buffer> =>
  new Promise((resolve, reject) => readFile(path, (error, content) => (error ? reject(error) : resolve(content))));
