/**
 * The answer. Status and sizes first, then stdout, stderr and the outputs as one run of bytes.
 *
 * @module
 */
import { open } from 'node:fs/promises';
import { constants, readFile } from 'node:fs';
import { bytesOf, inOrder } from '../../protocol/action.ts';
import type { Stream } from '../../protocol/channel.ts';
import { limits } from '../../protocol/limits.ts';
import type { Load, ResultSignature } from '../../protocol/messages.ts';
import { canPack, pack } from '../../protocol/packing.ts';
import type { KeptResult } from '../store/result-cache.ts';
import type { Outcome, StoredFile } from './services.ts';
import type { Unread } from './unread.ts';

/** Results go in pieces of this size, so that memory stays bounded and a client that takes nothing is noticed. */
const pieceBytes = 256 * 1024;

/** How files of an executor are opened: whoever broke out to it could have put a link or a pipe in the place of its own. */
export const resultFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** How a result is given away. */
export interface Giving {
  readonly server: string;
  /** May the client give this result again? */
  readonly keep: boolean;
  /** Of a success. */
  readonly signed: ResultSignature | undefined;
  /** How it looks here when the job has left its place. */
  readonly load: () => Load;
}

/** What a result is answered to. */
export interface Receiver {
  readonly stream: Stream;
  readonly unread: Unread;
  /** The client takes results packed. */
  readonly packs: boolean;
}

/** Resolves when the last byte was taken by the stream. */
export async function sendResult(to: Receiver, outcome: Outcome, { server, keep, signed, load }: Giving): Promise<void> {
  const bodies = inOrder<StoredFile>(outcome).filter(({ size }) => size > 0);
  const packed = mayPack(to, bytesOf(outcome)) ? await pack(Buffer.concat(await Promise.all(bodies.map(readWhole))), limits.packedResultBytes) : undefined;
  const { stream, unread } = to;
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
      ...(packed === undefined ? {} : { packed: packed.length }),
      ...(signed === undefined ? {} : { signed }),
      load: load(),
    },
    { end: bodies.length === 0 },
  );
  if (packed !== undefined) return sendWhole(to, [packed]);
  for (const [index, body] of bodies.entries()) await sendFile(stream, body, index === bodies.length - 1, unread);
}

/** Sends a result that was kept: its bytes were checked already. Resolves when the last of them was taken by the stream. */
export async function sendKept(to: Receiver, kept: KeptResult, load: () => Load): Promise<void> {
  const { record, stdout, stderr } = kept;
  const { domain, epoch, job, principal, policy, finished, key, signature } = record;
  const bodies = inOrder(kept).filter(({ length }) => length > 0);
  const total = bodies.reduce((sum, { length }) => sum + length, 0);
  const packed = mayPack(to, total) ? await pack(bodies.length === 1 ? bodies[0]! : Buffer.concat(bodies), limits.packedResultBytes) : undefined;
  to.stream.send(
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
      ...(packed === undefined ? {} : { packed: packed.length }),
      signed: { domain, epoch, job, principal, policy, finished, key, signature },
      load: load(),
    },
    { end: bodies.length === 0 },
  );
  await sendWhole(to, packed === undefined ? bodies : [packed]);
}

const mayPack = ({ packs }: Receiver, bytes: number): boolean => packs && canPack && bytes > 0 && bytes <= limits.packedResultBytes;

async function sendWhole({ stream, unread }: Receiver, bodies: readonly Buffer[]): Promise<void> {
  for (const [index, body] of bodies.entries()) {
    for (let from = 0; from < body.length; from += pieceBytes) {
      const last = index === bodies.length - 1 && from + pieceBytes >= body.length;
      await unread.write(stream, body.subarray(from, from + pieceBytes), last);
    }
  }
}

async function sendFile(stream: Stream, file: StoredFile, last: boolean, unread: Unread): Promise<void> {
  if (file.size <= pieceBytes) return unread.write(stream, await readWhole(file), last);
  const handle = await open(file.path, resultFlags);
  try {
    for (let sent = 0; sent < file.size; ) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(Math.min(pieceBytes, file.size - sent)));
      if (bytesRead === 0) throw new Error(`${file.path} became shorter`);
      sent += bytesRead;
      await unread.write(stream, buffer.subarray(0, bytesRead), last && sent === file.size);
    }
  } finally {
    await handle.close();
  }
}

const readWhole = ({ path, size }: StoredFile): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    readFile(path, { flag: resultFlags as unknown as string }, (error, content) => {
      if (error) reject(error);
      else if (content.length !== size) reject(new Error(`${path} has another size than it had`));
      else resolve(content);
    });
  });
