/**
 * The answer to another server of the farm that fetches parts of a kept result: from this server's own disk, checked. It is in the log
 * before anything of it goes. Nothing can be asked for but parts of results, by the digest of what ran; inputs have no name here.
 *
 * @module
 */
import { inOrder, type Part } from '../../protocol/action.ts';
import { toWardError, WardError, type ErrorCode } from '../../protocol/errors.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { Fetch } from '../../protocol/messages.ts';
import type { Unread } from '../jobs/unread.ts';
import type { ResultCache, Room } from '../store/result-cache.ts';

/** Pieces of this size, so that a server that takes nothing is noticed. */
const pieceBytes = 256 * 1024;

export interface Asking {
  /** `peer:NAME`. */
  readonly principal: string;
  readonly address: string;
}

/** What is said to a fetch: digests of the parts that are given, or why none is. */
export type Answer = Pick<Fetch, 'domain' | 'action'> & ({ readonly outputs: readonly string[] } | { readonly reason: ErrorCode });

export interface GivingServices {
  readonly results: Pick<ResultCache, 'findHere'>;
  readonly unread: Pick<Unread, 'hold' | 'write' | 'give'>;
  /** Resolves when it is in the log. @throws WardError `busy`, `log-unavailable` */
  answered(peer: Asking, answer: Answer): Promise<void>;
}

/** Attacker-controlled. Never throws: what goes wrong is said on the stream. */
export async function giveParts(stream: Stream, { domain, action, parts }: Fetch, peer: Asking, services: GivingServices): Promise<void> {
  let leave: ReturnType<Room>;
  let isGone = false;
  stream.onReset(() => (isGone = true));
  try {
    let isFull = false;
    const kept = await services.results.findHere(domain, action, (bytes) => {
      leave = services.unread.hold(peer.principal, bytes);
      isFull = leave === undefined;
      return leave;
    });
    if (isFull) throw new WardError('busy', 'This server has no room in memory for another result now.');
    if (kept === undefined) throw new WardError('result-absent', 'This server does not keep the result that was asked for.');
    const all = inOrder<Part>(kept.record);
    const bodies = inOrder(kept);
    if (parts.some((part) => part >= all.length)) throw new WardError('result-absent', 'The result that was asked for has no such part.');
    if (isGone) return;
    await services.unread.give(async () => {
      await services.answered(peer, { domain, action, outputs: parts.map((part) => all[part]!.digest) });
      const pieces = parts.flatMap((part) => piecesOf(bodies[part]!));
      for (const [index, piece] of pieces.entries()) await services.unread.write(stream, piece, index === pieces.length - 1);
    });
  } catch (thrown) {
    stream.reset(await refusal(toWardError(thrown), (reason) => services.answered(peer, { domain, action, reason })));
  } finally {
    leave?.();
  }
}

/**
 * What the peer hears, once it is in the log: that nothing is kept, or that something is for which there is no room now. Whoever holds its
 * room could otherwise find out unseen which results are here.
 */
const refusal = (error: WardError, log: (reason: ErrorCode) => Promise<void>): WardError | Promise<WardError> =>
  (error.code === 'result-absent' || error.code === 'busy' ? log(error.code).then(() => error, toWardError) : error);

/** One at least, which may be empty: the last one of all ends the stream. */
const piecesOf = (body: Buffer): Buffer[] =>
  Array.from({ length: Math.max(1, Math.ceil(body.length / pieceBytes)) }, (_, index) => body.subarray(index * pieceBytes, (index + 1) * pieceBytes));
