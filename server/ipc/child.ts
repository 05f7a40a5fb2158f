/**
 * How a child process of the server learns what it is and joins the others.
 *
 * What always holds: configuration comes as one JSON line on standard input, never through arguments or environment, which other users
 * can read; a child proves itself to the front with a token that works once; the front knows a child's role only from that token.
 *
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { WardError } from '../../protocol/errors.ts';
import { IpcPeer, type IpcPeerOptions } from './peer.ts';

const maxConfigurationLine = 1024 * 1024;

/** Reads one JSON line; the stream stays open, and its end means that the parent is gone (`whenParentGone`). */
export const readConfigurationLine = (input: Readable = process.stdin): Promise<any> =>
  new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const refuse = (sentence: string) => {
      input.off('data', onData);
      reject(new WardError('config-invalid', sentence));
    };
    const onEnd = () => refuse('Standard input ended before a line of configuration: this program is started by wardccd.');
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf(10);
      if (end === -1) {
        if (bytes.length > maxConfigurationLine) refuse('The line of configuration is too long.');
        return;
      }
      input.off('data', onData);
      input.off('end', onEnd);
      try {
        resolve(JSON.parse(bytes.toString('utf8', 0, end)));
      } catch {
        refuse('The line of configuration is not JSON.');
      }
    };
    input.on('data', onData);
    input.once('end', onEnd);
  });

/** Calls back once when the parent closed our standard input, on purpose or by dying. Does not keep the process alive by itself. */
export const whenParentGone = (callback: () => void, input: Readable & { unref?: () => void } = process.stdin): void => {
  if (input.readableEnded || input.destroyed) {
    setImmediate(callback);
    return;
  }
  input.once('end', callback);
  input.once('error', callback);
  input.resume();
  input.unref?.();
};

export interface ChildAddress {
  readonly socketPath: string;
  readonly role: string;
  readonly token: string;
}

const helloLimits = { json: 4096, binary: 0 };

/** Connects to the front and proves who this is. Rejects with `connect-failed`, or with the front's refusal. */
export const connectAsChild = async ({ socketPath, role, token }: ChildAddress, options: IpcPeerOptions = {}): Promise<IpcPeer> => {
  const socket = connect({ path: socketPath });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (cause) =>
      reject(new WardError('connect-failed', `The front's socket ${socketPath} cannot be reached (${cause.message}).`, { cause })),
    );
  });
  const peer = new IpcPeer(socket, { name: 'front', ...options });
  await peer.request({ type: 'hello', role, token, pid: process.pid });
  return peer;
};

/** Tokens that were given to children and not used yet. Kept as digests, compared in constant time. */
export class ChildTokens {
  readonly #open = new Map<string, { role: string; digest: Buffer }>();
  #next = 0;

  /** `role` may be anything the caller wants back, such as `executor 3`. */
  expect(role: string, token: string): void {
    this.#open.set(String(this.#next++), { role, digest: digestOf(token) });
  }

  /** True exactly once for a role and token that were expected. */
  redeem(role: string, token: string): boolean {
    const digest = digestOf(token);
    for (const [key, open] of this.#open) {
      if (open.role === role && timingSafeEqual(open.digest, digest)) return this.#open.delete(key);
    }
    return false;
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();

export interface AcceptedChild {
  readonly peer: IpcPeer;
  readonly role: string;
  readonly pid: number;
}

/** The front's side: waits for the hello of one connection; undefined (and disconnected) if it is not a child that was expected. */
export const acceptChild = async (
  socket: Socket,
  tokens: ChildTokens,
  options: IpcPeerOptions & { timeoutMs?: number } = {},
): Promise<AcceptedChild | undefined> => {
  const peer = new IpcPeer(socket, options);
  const timer = setTimeout(() => socket.destroy(), options.timeoutMs ?? 5000);
  const child = await Promise.race([
    peer.closed.then(() => undefined),
    new Promise<AcceptedChild | undefined>((resolve) => {
      peer.onRequest(async ({ type, role, token, pid }, binary) => {
        const known =
          type === 'hello' &&
          typeof role === 'string' &&
          typeof token === 'string' &&
          typeof pid === 'number' &&
          binary.length <= helloLimits.binary &&
          tokens.redeem(role, token);
        resolve(known ? { peer, role, pid } : undefined);
        if (!known) throw new WardError('protocol-violation', 'This process was not expected.');
        // A child says nothing more before it has read the welcome; by then the caller has set its own handler.
        peer.onRequest(async () => {
          throw new WardError('protocol-violation', 'Nobody answers requests here.');
        });
        return { json: { type: 'welcome' } };
      });
    }),
  ]);
  clearTimeout(timer);
  if (child === undefined) peer.close();
  else peer.name = child.role;
  return child;
};
